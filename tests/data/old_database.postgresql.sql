-- The same database as old_database.sqlite.sql, on PostgreSQL.
CREATE TABLE master_key_check (
    check_id INTEGER NOT NULL,
    sealed BYTEA NOT NULL,
    PRIMARY KEY (check_id)
);
CREATE TABLE tariffs (
    tariff_id SERIAL NOT NULL,
    name VARCHAR(64) NOT NULL,
    portion_price BIGINT NOT NULL,
    set_up_price BIGINT NOT NULL,
    currency VARCHAR(8) NOT NULL,
    PRIMARY KEY (tariff_id),
    CONSTRAINT prices_valid CHECK (portion_price >= 0 AND set_up_price >= 0),
    UNIQUE (name)
);
CREATE TABLE subscribers (
    subscriber_id SERIAL NOT NULL,
    terminal_id BYTEA NOT NULL,
    sealed_key BYTEA NOT NULL,
    tariff_id INTEGER NOT NULL,
    every_programme BOOLEAN NOT NULL,
    credit BIGINT,
    PRIMARY KEY (subscriber_id),
    CONSTRAINT credit_valid CHECK (credit IS NULL OR credit >= 0),
    UNIQUE (terminal_id),
    FOREIGN KEY(tariff_id) REFERENCES tariffs (tariff_id)
);
CREATE TABLE allowed_programmes (
    subscriber_id INTEGER NOT NULL,
    programme_id BIGINT NOT NULL,
    PRIMARY KEY (subscriber_id, programme_id),
    FOREIGN KEY(subscriber_id) REFERENCES subscribers (subscriber_id)
);
CREATE TABLE calls (
    call_id SERIAL NOT NULL,
    subscriber_id INTEGER NOT NULL,
    programme_id BIGINT NOT NULL,
    broadcast_id BYTEA NOT NULL,
    started_ms BIGINT NOT NULL,
    ended_ms BIGINT,
    reason VARCHAR(120),
    tariff VARCHAR(64) NOT NULL,
    portion_price BIGINT NOT NULL,
    set_up_price BIGINT NOT NULL,
    currency VARCHAR(8) NOT NULL,
    PRIMARY KEY (call_id),
    FOREIGN KEY(subscriber_id) REFERENCES subscribers (subscriber_id)
);
CREATE INDEX ix_calls_subscriber_id ON calls (subscriber_id);
CREATE TABLE charges (
    charge_id SERIAL NOT NULL,
    subscriber_id INTEGER NOT NULL,
    programme_id BIGINT NOT NULL,
    broadcast_id BYTEA NOT NULL,
    portion BIGINT NOT NULL,
    call_id INTEGER NOT NULL,
    price BIGINT NOT NULL,
    PRIMARY KEY (charge_id),
    UNIQUE (subscriber_id, programme_id, broadcast_id, portion),
    FOREIGN KEY(subscriber_id) REFERENCES subscribers (subscriber_id),
    FOREIGN KEY(call_id) REFERENCES calls (call_id)
);
CREATE INDEX ix_charges_call_id ON charges (call_id);
CREATE TABLE deliveries (
    call_id INTEGER NOT NULL,
    portion BIGINT NOT NULL,
    sent_ms BIGINT NOT NULL,
    acked_ms BIGINT,
    withdrawn BOOLEAN NOT NULL,
    price BIGINT NOT NULL,
    PRIMARY KEY (call_id, portion),
    FOREIGN KEY(call_id) REFERENCES calls (call_id)
);
INSERT INTO master_key_check VALUES (1, '\x413b1c9749cb461b3dbeda5dca32ecf72d2ed41692b6b20f');
INSERT INTO tariffs VALUES (1, 'evening', 30, 100, 'EUR');
INSERT INTO tariffs VALUES (2, 'free', 0, 0, 'CHF');
INSERT INTO subscribers VALUES (1, '\x0101010101010101', '\x5338f26ebe1ff7668db02c15c3758fc4f622b1c0df20b7c1673508b1e3c34c08a5246039d222a6da7c331f3af766038c', 1, true, NULL);
INSERT INTO subscribers VALUES (3, '\x0202020202020202', '\x120acba5f0574de1ff3a03bc4d114fb011ed78468205d560b07b00dbc49a3d3f1eef2564aede2753e309b8d3fe5b8a33', 1, false, 850);
INSERT INTO subscribers VALUES (4, '\x0303030303030303', '\xfbcf82afc9a345b538ec05899a48b3607f6f2c29ccc3963e3ad61702eaeffe0f44eeb9929f64080d12c4ce7598951852', 2, false, 0);
INSERT INTO subscribers VALUES (5, '\x0404040404040404', '\x780057775b2926afc95196199d5f2a20011fef08ef630a7be56d008b0d2411903130cc64470b236311139093ae8e1955', 1, true, 0);
INSERT INTO allowed_programmes VALUES (3, 7);
INSERT INTO allowed_programmes VALUES (3, 9);
INSERT INTO calls VALUES (1, 1, 7, '\x72756e206e6f2e31', 1000, 2000, 'goodbye', 'evening', 25, 100, 'EUR');
INSERT INTO calls VALUES (2, 1, 7, '\x72756e206e6f2e31', 3000, NULL, NULL, 'evening', 25, 100, 'EUR');
INSERT INTO calls VALUES (3, 3, 9, '\x72756e206e6f2e32', 4000, 4200, 'goodbye', 'evening', 25, 100, 'EUR');
INSERT INTO calls VALUES (4, 3, 9, '\x72756e206e6f2e32', 5000, 6000, 'line lost', 'evening', 25, 100, 'EUR');
INSERT INTO calls VALUES (5, 5, 1, '\x72756e206e6f2e33', 7000, 8000, 'superseded by another call', 'evening', 25, 100, 'EUR');
INSERT INTO calls VALUES (6, 5, 1, '\x72756e206e6f2e33', 8000, 8200, 'no credit', 'evening', 30, 100, 'EUR');
INSERT INTO charges VALUES (1, 1, 7, '\x72756e206e6f2e31', 0, 1, 25);
INSERT INTO charges VALUES (2, 1, 7, '\x72756e206e6f2e31', -1, 1, 100);
INSERT INTO charges VALUES (3, 1, 7, '\x72756e206e6f2e31', 1, 1, 25);
INSERT INTO charges VALUES (4, 1, 7, '\x72756e206e6f2e31', 2, 1, 25);
INSERT INTO charges VALUES (5, 1, 7, '\x72756e206e6f2e31', 3, 1, 25);
INSERT INTO charges VALUES (6, 1, 7, '\x72756e206e6f2e31', 4, 2, 25);
INSERT INTO charges VALUES (7, 3, 9, '\x72756e206e6f2e32', 0, 4, 25);
INSERT INTO charges VALUES (8, 3, 9, '\x72756e206e6f2e32', -1, 4, 100);
INSERT INTO charges VALUES (9, 3, 9, '\x72756e206e6f2e32', 1, 4, 25);
INSERT INTO charges VALUES (10, 5, 1, '\x72756e206e6f2e33', 5, 5, 25);
INSERT INTO charges VALUES (11, 5, 1, '\x72756e206e6f2e33', -1, 5, 100);
INSERT INTO deliveries VALUES (1, 0, 1100, 1200, false, 125);
INSERT INTO deliveries VALUES (1, 1, 1101, 1201, false, 25);
INSERT INTO deliveries VALUES (1, 2, 1102, 1202, false, 25);
INSERT INTO deliveries VALUES (1, 3, 1103, 1203, false, 25);
INSERT INTO deliveries VALUES (1, 4, 1104, NULL, true, 25);
INSERT INTO deliveries VALUES (1, 5, 1105, NULL, true, 25);
INSERT INTO deliveries VALUES (1, 6, 1106, NULL, true, 25);
INSERT INTO deliveries VALUES (1, 7, 1107, NULL, true, 25);
INSERT INTO deliveries VALUES (1, 8, 1108, NULL, true, 25);
INSERT INTO deliveries VALUES (1, 9, 1109, NULL, true, 25);
INSERT INTO deliveries VALUES (2, 3, 3100, NULL, false, 0);
INSERT INTO deliveries VALUES (2, 4, 3200, NULL, false, 25);
INSERT INTO deliveries VALUES (3, 0, 4100, NULL, true, 125);
INSERT INTO deliveries VALUES (4, 0, 5100, 5300, false, 125);
INSERT INTO deliveries VALUES (4, 1, 5200, NULL, false, 25);
INSERT INTO deliveries VALUES (5, 5, 7100, NULL, false, 125);
SELECT setval('tariffs_tariff_id_seq', max(tariff_id)) FROM tariffs;
SELECT setval('subscribers_subscriber_id_seq', max(subscriber_id)) FROM subscribers;
SELECT setval('calls_call_id_seq', max(call_id)) FROM calls;
SELECT setval('charges_charge_id_seq', max(charge_id)) FROM charges;
