-- The database of old_database.sqlite.sql as revision 0003 left it, made by the last version that had that one.
BEGIN TRANSACTION;
CREATE TABLE accounts (
	account_id INTEGER NOT NULL, 
	credit BIGINT, 
	charged BIGINT NOT NULL, 
	CONSTRAINT pk_accounts PRIMARY KEY (account_id), 
	CONSTRAINT ck_accounts_credit_valid CHECK (credit IS NULL OR credit >= 0), 
	CONSTRAINT ck_accounts_charged_valid CHECK (charged >= 0)
);
INSERT INTO "accounts" VALUES(1,NULL,225);
INSERT INTO "accounts" VALUES(3,850,150);
INSERT INTO "accounts" VALUES(4,0,0);
INSERT INTO "accounts" VALUES(5,0,125);
CREATE TABLE alarms (
	alarm_id INTEGER NOT NULL, 
	subscriber_id INTEGER NOT NULL, 
	at_ms BIGINT NOT NULL, 
	kind VARCHAR(32) NOT NULL, 
	text VARCHAR(200) NOT NULL, 
	CONSTRAINT pk_alarms PRIMARY KEY (alarm_id), 
	CONSTRAINT fk_alarms_subscriber_id_subscribers FOREIGN KEY(subscriber_id) REFERENCES subscribers (subscriber_id)
);
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0003');
CREATE TABLE allowed_programmes (
	subscriber_id INTEGER NOT NULL, 
	programme_id BIGINT NOT NULL, 
	CONSTRAINT pk_allowed_programmes PRIMARY KEY (subscriber_id, programme_id), 
	CONSTRAINT fk_allowed_programmes_subscriber_id_subscribers FOREIGN KEY(subscriber_id) REFERENCES subscribers (subscriber_id)
);
INSERT INTO "allowed_programmes" VALUES(3,7);
INSERT INTO "allowed_programmes" VALUES(3,9);
CREATE TABLE calls (
	call_id INTEGER NOT NULL, 
	subscriber_id INTEGER NOT NULL, 
	programme_id BIGINT NOT NULL, 
	broadcast_id BLOB NOT NULL, 
	started_ms BIGINT NOT NULL, 
	ended_ms BIGINT, 
	reason VARCHAR(120), 
	tariff VARCHAR(64) NOT NULL, 
	portion_price BIGINT NOT NULL, 
	set_up_price BIGINT NOT NULL, 
	currency VARCHAR(8) NOT NULL, 
	CONSTRAINT pk_calls PRIMARY KEY (call_id), 
	CONSTRAINT fk_calls_subscriber_id_subscribers FOREIGN KEY(subscriber_id) REFERENCES subscribers (subscriber_id)
);
INSERT INTO "calls" VALUES(1,1,7,X'72756E206E6F2E31',1000,2000,'goodbye','evening',25,100,'EUR');
INSERT INTO "calls" VALUES(2,1,7,X'72756E206E6F2E31',3000,NULL,NULL,'evening',25,100,'EUR');
INSERT INTO "calls" VALUES(3,3,9,X'72756E206E6F2E32',4000,4200,'goodbye','evening',25,100,'EUR');
INSERT INTO "calls" VALUES(4,3,9,X'72756E206E6F2E32',5000,6000,'line lost','evening',25,100,'EUR');
INSERT INTO "calls" VALUES(5,5,1,X'72756E206E6F2E33',7000,8000,'superseded by another call','evening',25,100,'EUR');
INSERT INTO "calls" VALUES(6,5,1,X'72756E206E6F2E33',8000,8200,'no credit','evening',30,100,'EUR');
CREATE TABLE charges (
	charge_id INTEGER NOT NULL, 
	subscriber_id INTEGER NOT NULL, 
	programme_id BIGINT NOT NULL, 
	broadcast_id BLOB NOT NULL, 
	portion BIGINT NOT NULL, 
	call_id INTEGER NOT NULL, 
	price BIGINT NOT NULL, 
	CONSTRAINT pk_charges PRIMARY KEY (charge_id), 
	CONSTRAINT uq_charges_subscriber_id_programme_id_broadcast_id_portion UNIQUE (subscriber_id, programme_id, broadcast_id, portion), 
	CONSTRAINT fk_charges_subscriber_id_subscribers FOREIGN KEY(subscriber_id) REFERENCES subscribers (subscriber_id), 
	CONSTRAINT fk_charges_call_id_calls FOREIGN KEY(call_id) REFERENCES calls (call_id)
);
INSERT INTO "charges" VALUES(1,1,7,X'72756E206E6F2E31',0,1,25);
INSERT INTO "charges" VALUES(2,1,7,X'72756E206E6F2E31',-1,1,100);
INSERT INTO "charges" VALUES(3,1,7,X'72756E206E6F2E31',1,1,25);
INSERT INTO "charges" VALUES(4,1,7,X'72756E206E6F2E31',2,1,25);
INSERT INTO "charges" VALUES(5,1,7,X'72756E206E6F2E31',3,1,25);
INSERT INTO "charges" VALUES(6,1,7,X'72756E206E6F2E31',4,2,25);
INSERT INTO "charges" VALUES(7,3,9,X'72756E206E6F2E32',0,4,25);
INSERT INTO "charges" VALUES(8,3,9,X'72756E206E6F2E32',-1,4,100);
INSERT INTO "charges" VALUES(9,3,9,X'72756E206E6F2E32',1,4,25);
INSERT INTO "charges" VALUES(10,5,1,X'72756E206E6F2E33',5,5,25);
INSERT INTO "charges" VALUES(11,5,1,X'72756E206E6F2E33',-1,5,100);
CREATE TABLE deliveries (
	call_id INTEGER NOT NULL, 
	portion BIGINT NOT NULL, 
	sent_ms BIGINT NOT NULL, 
	acked_ms BIGINT, 
	withdrawn BOOLEAN NOT NULL, 
	price BIGINT NOT NULL, 
	CONSTRAINT pk_deliveries PRIMARY KEY (call_id, portion), 
	CONSTRAINT fk_deliveries_call_id_calls FOREIGN KEY(call_id) REFERENCES calls (call_id)
);
INSERT INTO "deliveries" VALUES(1,0,1100,1200,0,125);
INSERT INTO "deliveries" VALUES(1,1,1101,1201,0,25);
INSERT INTO "deliveries" VALUES(1,2,1102,1202,0,25);
INSERT INTO "deliveries" VALUES(1,3,1103,1203,0,25);
INSERT INTO "deliveries" VALUES(1,4,1104,NULL,1,25);
INSERT INTO "deliveries" VALUES(1,5,1105,NULL,1,25);
INSERT INTO "deliveries" VALUES(1,6,1106,NULL,1,25);
INSERT INTO "deliveries" VALUES(1,7,1107,NULL,1,25);
INSERT INTO "deliveries" VALUES(1,8,1108,NULL,1,25);
INSERT INTO "deliveries" VALUES(1,9,1109,NULL,1,25);
INSERT INTO "deliveries" VALUES(2,3,3100,NULL,0,0);
INSERT INTO "deliveries" VALUES(2,4,3200,NULL,0,25);
INSERT INTO "deliveries" VALUES(3,0,4100,NULL,1,125);
INSERT INTO "deliveries" VALUES(4,0,5100,5300,0,125);
INSERT INTO "deliveries" VALUES(4,1,5200,NULL,0,25);
INSERT INTO "deliveries" VALUES(5,5,7100,NULL,0,125);
CREATE TABLE master_key_check (
	check_id INTEGER NOT NULL, 
	sealed BLOB NOT NULL, 
	CONSTRAINT pk_master_key_check PRIMARY KEY (check_id)
);
INSERT INTO "master_key_check" VALUES(1,X'413B1C9749CB461B3DBEDA5DCA32ECF72D2ED41692B6B20F');
CREATE TABLE subscribers (
	subscriber_id INTEGER NOT NULL, 
	terminal_id BLOB NOT NULL, 
	tariff_id INTEGER NOT NULL, 
	every_programme BOOLEAN NOT NULL, 
	token_old BLOB, 
	token_pending BLOB, 
	clone_rule VARCHAR(16) DEFAULT 'warn' NOT NULL, 
	revoked_ms BIGINT, 
	CONSTRAINT pk_subscribers PRIMARY KEY (subscriber_id), 
	CONSTRAINT ck_subscribers_clone_rule_valid CHECK (clone_rule IN ('warn', 'deny', 'reprovision')), 
	CONSTRAINT uq_subscribers_terminal_id UNIQUE (terminal_id), 
	CONSTRAINT fk_subscribers_terminal_id_terminals FOREIGN KEY(terminal_id) REFERENCES terminals (terminal_id), 
	CONSTRAINT fk_subscribers_tariff_id_tariffs FOREIGN KEY(tariff_id) REFERENCES tariffs (tariff_id)
);
INSERT INTO "subscribers" VALUES(1,X'0101010101010101',1,1,NULL,NULL,'warn',NULL);
INSERT INTO "subscribers" VALUES(3,X'0202020202020202',1,0,NULL,NULL,'warn',NULL);
INSERT INTO "subscribers" VALUES(4,X'0303030303030303',2,0,NULL,NULL,'warn',NULL);
INSERT INTO "subscribers" VALUES(5,X'0404040404040404',1,1,NULL,NULL,'warn',NULL);
CREATE TABLE tariffs (
	tariff_id INTEGER NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	portion_price BIGINT NOT NULL, 
	set_up_price BIGINT NOT NULL, 
	currency VARCHAR(8) NOT NULL, 
	CONSTRAINT pk_tariffs PRIMARY KEY (tariff_id), 
	CONSTRAINT ck_tariffs_prices_valid CHECK (portion_price >= 0 AND set_up_price >= 0), 
	CONSTRAINT uq_tariffs_name UNIQUE (name)
);
INSERT INTO "tariffs" VALUES(1,'evening',30,100,'EUR');
INSERT INTO "tariffs" VALUES(2,'free',0,0,'CHF');
CREATE TABLE terminals (
	terminal_id BLOB NOT NULL, 
	sealed_key BLOB NOT NULL, 
	key_version INTEGER NOT NULL, 
	account_id INTEGER NOT NULL, 
	CONSTRAINT pk_terminals PRIMARY KEY (terminal_id), 
	CONSTRAINT fk_terminals_key_version_master_key_check FOREIGN KEY(key_version) REFERENCES master_key_check (check_id), 
	CONSTRAINT fk_terminals_account_id_accounts FOREIGN KEY(account_id) REFERENCES accounts (account_id)
);
INSERT INTO "terminals" VALUES(X'0101010101010101',X'5338F26EBE1FF7668DB02C15C3758FC4F622B1C0DF20B7C1673508B1E3C34C08A5246039D222A6DA7C331F3AF766038C',1,1);
INSERT INTO "terminals" VALUES(X'0202020202020202',X'120ACBA5F0574DE1FF3A03BC4D114FB011ED78468205D560B07B00DBC49A3D3F1EEF2564AEDE2753E309B8D3FE5B8A33',1,3);
INSERT INTO "terminals" VALUES(X'0303030303030303',X'FBCF82AFC9A345B538EC05899A48B3607F6F2C29CCC3963E3AD61702EAEFFE0F44EEB9929F64080D12C4CE7598951852',1,4);
INSERT INTO "terminals" VALUES(X'0404040404040404',X'780057775B2926AFC95196199D5F2A20011FEF08EF630A7BE56D008B0D2411903130CC64470B236311139093AE8E1955',1,5);
CREATE INDEX ix_terminals_key_version ON terminals (key_version);
CREATE INDEX ix_terminals_account_id ON terminals (account_id);
CREATE INDEX ix_calls_subscriber_id ON calls (subscriber_id);
CREATE INDEX ix_alarms_at_ms ON alarms (at_ms);
CREATE INDEX ix_alarms_subscriber_id ON alarms (subscriber_id);
CREATE INDEX ix_charges_call_id ON charges (call_id);
COMMIT;
