-- The database of old_database.postgresql.sql as revision 0003 left it (pg_dump --inserts).
CREATE TABLE public.accounts (
    account_id integer NOT NULL,
    credit bigint,
    charged bigint NOT NULL,
    CONSTRAINT ck_accounts_charged_valid CHECK ((charged >= 0)),
    CONSTRAINT ck_accounts_credit_valid CHECK (((credit IS NULL) OR (credit >= 0)))
);
CREATE SEQUENCE public.accounts_account_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.accounts_account_id_seq OWNED BY public.accounts.account_id;
CREATE TABLE public.alarms (
    alarm_id integer NOT NULL,
    subscriber_id integer NOT NULL,
    at_ms bigint NOT NULL,
    kind character varying(32) NOT NULL,
    text character varying(200) NOT NULL
);
CREATE SEQUENCE public.alarms_alarm_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.alarms_alarm_id_seq OWNED BY public.alarms.alarm_id;
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.allowed_programmes (
    subscriber_id integer NOT NULL,
    programme_id bigint NOT NULL
);
CREATE TABLE public.calls (
    call_id integer NOT NULL,
    subscriber_id integer NOT NULL,
    programme_id bigint NOT NULL,
    broadcast_id bytea NOT NULL,
    started_ms bigint NOT NULL,
    ended_ms bigint,
    reason character varying(120),
    tariff character varying(64) NOT NULL,
    portion_price bigint NOT NULL,
    set_up_price bigint NOT NULL,
    currency character varying(8) NOT NULL
);
CREATE SEQUENCE public.calls_call_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.calls_call_id_seq OWNED BY public.calls.call_id;
CREATE TABLE public.charges (
    charge_id integer NOT NULL,
    subscriber_id integer NOT NULL,
    programme_id bigint NOT NULL,
    broadcast_id bytea NOT NULL,
    portion bigint NOT NULL,
    call_id integer NOT NULL,
    price bigint NOT NULL
);
CREATE SEQUENCE public.charges_charge_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.charges_charge_id_seq OWNED BY public.charges.charge_id;
CREATE TABLE public.deliveries (
    call_id integer NOT NULL,
    portion bigint NOT NULL,
    sent_ms bigint NOT NULL,
    acked_ms bigint,
    withdrawn boolean NOT NULL,
    price bigint NOT NULL
);
CREATE TABLE public.master_key_check (
    check_id integer NOT NULL,
    sealed bytea NOT NULL
);
CREATE TABLE public.subscribers (
    subscriber_id integer NOT NULL,
    terminal_id bytea NOT NULL,
    tariff_id integer NOT NULL,
    every_programme boolean NOT NULL,
    token_old bytea,
    token_pending bytea,
    clone_rule character varying(16) DEFAULT 'warn'::character varying NOT NULL,
    revoked_ms bigint,
    CONSTRAINT ck_subscribers_clone_rule_valid CHECK (((clone_rule)::text = ANY ((ARRAY['warn'::character varying, 'deny'::character varying, 'reprovision'::character varying])::text[])))
);
CREATE SEQUENCE public.subscribers_subscriber_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.subscribers_subscriber_id_seq OWNED BY public.subscribers.subscriber_id;
CREATE TABLE public.tariffs (
    tariff_id integer NOT NULL,
    name character varying(64) NOT NULL,
    portion_price bigint NOT NULL,
    set_up_price bigint NOT NULL,
    currency character varying(8) NOT NULL,
    CONSTRAINT ck_tariffs_prices_valid CHECK (((portion_price >= 0) AND (set_up_price >= 0)))
);
CREATE SEQUENCE public.tariffs_tariff_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.tariffs_tariff_id_seq OWNED BY public.tariffs.tariff_id;
CREATE TABLE public.terminals (
    terminal_id bytea NOT NULL,
    sealed_key bytea NOT NULL,
    key_version integer NOT NULL,
    account_id integer NOT NULL
);
ALTER TABLE ONLY public.accounts ALTER COLUMN account_id SET DEFAULT nextval('public.accounts_account_id_seq'::regclass);
ALTER TABLE ONLY public.alarms ALTER COLUMN alarm_id SET DEFAULT nextval('public.alarms_alarm_id_seq'::regclass);
ALTER TABLE ONLY public.calls ALTER COLUMN call_id SET DEFAULT nextval('public.calls_call_id_seq'::regclass);
ALTER TABLE ONLY public.charges ALTER COLUMN charge_id SET DEFAULT nextval('public.charges_charge_id_seq'::regclass);
ALTER TABLE ONLY public.subscribers ALTER COLUMN subscriber_id SET DEFAULT nextval('public.subscribers_subscriber_id_seq'::regclass);
ALTER TABLE ONLY public.tariffs ALTER COLUMN tariff_id SET DEFAULT nextval('public.tariffs_tariff_id_seq'::regclass);
INSERT INTO public.accounts VALUES (1, NULL, 225);
INSERT INTO public.accounts VALUES (3, 850, 150);
INSERT INTO public.accounts VALUES (4, 0, 0);
INSERT INTO public.accounts VALUES (5, 0, 125);
INSERT INTO public.alembic_version VALUES ('0003');
INSERT INTO public.allowed_programmes VALUES (3, 7);
INSERT INTO public.allowed_programmes VALUES (3, 9);
INSERT INTO public.calls VALUES (1, 1, 7, '\x72756e206e6f2e31', 1000, 2000, 'goodbye', 'evening', 25, 100, 'EUR');
INSERT INTO public.calls VALUES (2, 1, 7, '\x72756e206e6f2e31', 3000, NULL, NULL, 'evening', 25, 100, 'EUR');
INSERT INTO public.calls VALUES (3, 3, 9, '\x72756e206e6f2e32', 4000, 4200, 'goodbye', 'evening', 25, 100, 'EUR');
INSERT INTO public.calls VALUES (4, 3, 9, '\x72756e206e6f2e32', 5000, 6000, 'line lost', 'evening', 25, 100, 'EUR');
INSERT INTO public.calls VALUES (5, 5, 1, '\x72756e206e6f2e33', 7000, 8000, 'superseded by another call', 'evening', 25, 100, 'EUR');
INSERT INTO public.calls VALUES (6, 5, 1, '\x72756e206e6f2e33', 8000, 8200, 'no credit', 'evening', 30, 100, 'EUR');
INSERT INTO public.charges VALUES (1, 1, 7, '\x72756e206e6f2e31', 0, 1, 25);
INSERT INTO public.charges VALUES (2, 1, 7, '\x72756e206e6f2e31', -1, 1, 100);
INSERT INTO public.charges VALUES (3, 1, 7, '\x72756e206e6f2e31', 1, 1, 25);
INSERT INTO public.charges VALUES (4, 1, 7, '\x72756e206e6f2e31', 2, 1, 25);
INSERT INTO public.charges VALUES (5, 1, 7, '\x72756e206e6f2e31', 3, 1, 25);
INSERT INTO public.charges VALUES (6, 1, 7, '\x72756e206e6f2e31', 4, 2, 25);
INSERT INTO public.charges VALUES (7, 3, 9, '\x72756e206e6f2e32', 0, 4, 25);
INSERT INTO public.charges VALUES (8, 3, 9, '\x72756e206e6f2e32', -1, 4, 100);
INSERT INTO public.charges VALUES (9, 3, 9, '\x72756e206e6f2e32', 1, 4, 25);
INSERT INTO public.charges VALUES (10, 5, 1, '\x72756e206e6f2e33', 5, 5, 25);
INSERT INTO public.charges VALUES (11, 5, 1, '\x72756e206e6f2e33', -1, 5, 100);
INSERT INTO public.deliveries VALUES (1, 0, 1100, 1200, false, 125);
INSERT INTO public.deliveries VALUES (1, 1, 1101, 1201, false, 25);
INSERT INTO public.deliveries VALUES (1, 2, 1102, 1202, false, 25);
INSERT INTO public.deliveries VALUES (1, 3, 1103, 1203, false, 25);
INSERT INTO public.deliveries VALUES (1, 4, 1104, NULL, true, 25);
INSERT INTO public.deliveries VALUES (1, 5, 1105, NULL, true, 25);
INSERT INTO public.deliveries VALUES (1, 6, 1106, NULL, true, 25);
INSERT INTO public.deliveries VALUES (1, 7, 1107, NULL, true, 25);
INSERT INTO public.deliveries VALUES (1, 8, 1108, NULL, true, 25);
INSERT INTO public.deliveries VALUES (1, 9, 1109, NULL, true, 25);
INSERT INTO public.deliveries VALUES (2, 3, 3100, NULL, false, 0);
INSERT INTO public.deliveries VALUES (2, 4, 3200, NULL, false, 25);
INSERT INTO public.deliveries VALUES (3, 0, 4100, NULL, true, 125);
INSERT INTO public.deliveries VALUES (4, 0, 5100, 5300, false, 125);
INSERT INTO public.deliveries VALUES (4, 1, 5200, NULL, false, 25);
INSERT INTO public.deliveries VALUES (5, 5, 7100, NULL, false, 125);
INSERT INTO public.master_key_check VALUES (1, '\x413b1c9749cb461b3dbeda5dca32ecf72d2ed41692b6b20f');
INSERT INTO public.subscribers VALUES (1, '\x0101010101010101', 1, true, NULL, NULL, 'warn', NULL);
INSERT INTO public.subscribers VALUES (3, '\x0202020202020202', 1, false, NULL, NULL, 'warn', NULL);
INSERT INTO public.subscribers VALUES (4, '\x0303030303030303', 2, false, NULL, NULL, 'warn', NULL);
INSERT INTO public.subscribers VALUES (5, '\x0404040404040404', 1, true, NULL, NULL, 'warn', NULL);
INSERT INTO public.tariffs VALUES (1, 'evening', 30, 100, 'EUR');
INSERT INTO public.tariffs VALUES (2, 'free', 0, 0, 'CHF');
INSERT INTO public.terminals VALUES ('\x0101010101010101', '\x5338f26ebe1ff7668db02c15c3758fc4f622b1c0df20b7c1673508b1e3c34c08a5246039d222a6da7c331f3af766038c', 1, 1);
INSERT INTO public.terminals VALUES ('\x0202020202020202', '\x120acba5f0574de1ff3a03bc4d114fb011ed78468205d560b07b00dbc49a3d3f1eef2564aede2753e309b8d3fe5b8a33', 1, 3);
INSERT INTO public.terminals VALUES ('\x0303030303030303', '\xfbcf82afc9a345b538ec05899a48b3607f6f2c29ccc3963e3ad61702eaeffe0f44eeb9929f64080d12c4ce7598951852', 1, 4);
INSERT INTO public.terminals VALUES ('\x0404040404040404', '\x780057775b2926afc95196199d5f2a20011fef08ef630a7be56d008b0d2411903130cc64470b236311139093ae8e1955', 1, 5);
SELECT pg_catalog.setval('public.accounts_account_id_seq', 5, true);
SELECT pg_catalog.setval('public.alarms_alarm_id_seq', 1, false);
SELECT pg_catalog.setval('public.calls_call_id_seq', 6, true);
SELECT pg_catalog.setval('public.charges_charge_id_seq', 11, true);
SELECT pg_catalog.setval('public.subscribers_subscriber_id_seq', 5, true);
SELECT pg_catalog.setval('public.tariffs_tariff_id_seq', 2, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT pk_accounts PRIMARY KEY (account_id);
ALTER TABLE ONLY public.alarms
    ADD CONSTRAINT pk_alarms PRIMARY KEY (alarm_id);
ALTER TABLE ONLY public.allowed_programmes
    ADD CONSTRAINT pk_allowed_programmes PRIMARY KEY (subscriber_id, programme_id);
ALTER TABLE ONLY public.calls
    ADD CONSTRAINT pk_calls PRIMARY KEY (call_id);
ALTER TABLE ONLY public.charges
    ADD CONSTRAINT pk_charges PRIMARY KEY (charge_id);
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT pk_deliveries PRIMARY KEY (call_id, portion);
ALTER TABLE ONLY public.master_key_check
    ADD CONSTRAINT pk_master_key_check PRIMARY KEY (check_id);
ALTER TABLE ONLY public.subscribers
    ADD CONSTRAINT pk_subscribers PRIMARY KEY (subscriber_id);
ALTER TABLE ONLY public.tariffs
    ADD CONSTRAINT pk_tariffs PRIMARY KEY (tariff_id);
ALTER TABLE ONLY public.terminals
    ADD CONSTRAINT pk_terminals PRIMARY KEY (terminal_id);
ALTER TABLE ONLY public.charges
    ADD CONSTRAINT uq_charges_subscriber_id_programme_id_broadcast_id_portion UNIQUE (subscriber_id, programme_id, broadcast_id, portion);
ALTER TABLE ONLY public.subscribers
    ADD CONSTRAINT uq_subscribers_terminal_id UNIQUE (terminal_id);
ALTER TABLE ONLY public.tariffs
    ADD CONSTRAINT uq_tariffs_name UNIQUE (name);
CREATE INDEX ix_alarms_at_ms ON public.alarms USING btree (at_ms);
CREATE INDEX ix_alarms_subscriber_id ON public.alarms USING btree (subscriber_id);
CREATE INDEX ix_calls_subscriber_id ON public.calls USING btree (subscriber_id);
CREATE INDEX ix_charges_call_id ON public.charges USING btree (call_id);
CREATE INDEX ix_terminals_account_id ON public.terminals USING btree (account_id);
CREATE INDEX ix_terminals_key_version ON public.terminals USING btree (key_version);
ALTER TABLE ONLY public.alarms
    ADD CONSTRAINT fk_alarms_subscriber_id_subscribers FOREIGN KEY (subscriber_id) REFERENCES public.subscribers(subscriber_id);
ALTER TABLE ONLY public.allowed_programmes
    ADD CONSTRAINT fk_allowed_programmes_subscriber_id_subscribers FOREIGN KEY (subscriber_id) REFERENCES public.subscribers(subscriber_id);
ALTER TABLE ONLY public.calls
    ADD CONSTRAINT fk_calls_subscriber_id_subscribers FOREIGN KEY (subscriber_id) REFERENCES public.subscribers(subscriber_id);
ALTER TABLE ONLY public.charges
    ADD CONSTRAINT fk_charges_call_id_calls FOREIGN KEY (call_id) REFERENCES public.calls(call_id);
ALTER TABLE ONLY public.charges
    ADD CONSTRAINT fk_charges_subscriber_id_subscribers FOREIGN KEY (subscriber_id) REFERENCES public.subscribers(subscriber_id);
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT fk_deliveries_call_id_calls FOREIGN KEY (call_id) REFERENCES public.calls(call_id);
ALTER TABLE ONLY public.subscribers
    ADD CONSTRAINT fk_subscribers_tariff_id_tariffs FOREIGN KEY (tariff_id) REFERENCES public.tariffs(tariff_id);
ALTER TABLE ONLY public.subscribers
    ADD CONSTRAINT fk_subscribers_terminal_id_terminals FOREIGN KEY (terminal_id) REFERENCES public.terminals(terminal_id);
ALTER TABLE ONLY public.terminals
    ADD CONSTRAINT fk_terminals_account_id_accounts FOREIGN KEY (account_id) REFERENCES public.accounts(account_id);
ALTER TABLE ONLY public.terminals
    ADD CONSTRAINT fk_terminals_key_version_master_key_check FOREIGN KEY (key_version) REFERENCES public.master_key_check(check_id);
