PRAGMA user_version = 2;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE runs (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, schedule TEXT NOT NULL, type TEXT NOT NULL, started_at INTEGER NOT NULL,
    ended_at INTEGER, result TEXT, failure TEXT, message TEXT, hint TEXT, backup_id TEXT, stored_bytes INTEGER, content_bytes INTEGER);
INSERT INTO runs VALUES(1,'itsm','manual','full',1795977758091,1795977758472,'success',NULL,NULL,NULL,'20261129T184238Z-a59897',161,8192);
INSERT INTO runs VALUES(2,'lost','manual','full',1795977758521,1795977758549,'success',NULL,NULL,NULL,'20261129T184238Z-4ca769',161,8192);
INSERT INTO runs VALUES(3,'itsm','manual','incremental',1795977758859,1795977759124,'success',NULL,NULL,NULL,'20261129T184238Z-71aade',120,4152);
INSERT INTO runs VALUES(4,'lost','manual','full',1795977762267,1795977762362,'failure','SourceMissing','database ''/srv/itsm/gone.db'' does not exist','mount its disk, or mend the path in the configuration; if it is lost, nexus-backup diagnose leads to its restore (nexus-backup restore SOURCE --dry-run); if a pattern found it once and it was retired, move its backups out of the store',NULL,NULL,NULL);
INSERT INTO runs VALUES(5,'itsm','manual','differential',1795977767553,1795977768042,'success',NULL,NULL,NULL,'20261129T184247Z-fe1711',123,4152);
INSERT INTO runs VALUES(6,'itsm','weekly','full',1795977768500,1795977768800,'success',NULL,'there is no good full backup to build on',NULL,'20261129T184248Z-0a1b2c',161,8192);
INSERT INTO runs VALUES(7,'itsm','daily','full',1795977769000,1795977769000,'skipped','Locked','another run of source ''itsm'' is under way','wait for it to end (nexus-backup status shows it), then run the command again',NULL,NULL,NULL);
INSERT INTO runs VALUES(8,'lost','daily','full',1795977770000,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE attempts (
    run_id INTEGER NOT NULL, attempt INTEGER NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER NOT NULL,
    failure TEXT, message TEXT, hint TEXT, PRIMARY KEY (run_id, attempt)) WITHOUT ROWID;
INSERT INTO attempts VALUES(1,1,1795977758133,1795977758465,NULL,NULL,NULL);
INSERT INTO attempts VALUES(2,1,1795977758524,1795977758549,NULL,NULL,NULL);
INSERT INTO attempts VALUES(3,1,1795977758889,1795977759121,NULL,NULL,NULL);
INSERT INTO attempts VALUES(4,1,1795977762311,1795977762351,'SourceMissing','database ''/srv/itsm/gone.db'' does not exist','mount its disk, or mend the path in the configuration; if it is lost, nexus-backup diagnose leads to its restore (nexus-backup restore SOURCE --dry-run); if a pattern found it once and it was retired, move its backups out of the store');
INSERT INTO attempts VALUES(5,1,1795977767610,1795977768033,NULL,NULL,NULL);
INSERT INTO attempts VALUES(6,1,1795977768500,1795977768600,'Network','the share does not answer','look at the network');
INSERT INTO attempts VALUES(6,2,1795977768700,1795977768800,NULL,NULL,NULL);
CREATE TABLE sources (
    name TEXT PRIMARY KEY, added_at INTEGER NOT NULL, last_run_at INTEGER, last_run_success INTEGER NOT NULL DEFAULT 0,
    consecutive_failures INTEGER NOT NULL DEFAULT 0, run_started_at INTEGER,
    capture_seconds REAL NOT NULL DEFAULT 0, verify_seconds REAL NOT NULL DEFAULT 0, prune_seconds REAL NOT NULL DEFAULT 0) WITHOUT ROWID;
INSERT INTO sources VALUES('itsm',1795977758091,1795977768042,1,0,NULL,0.31101879999999998416,0.08088309999999999944,0.029739700000000000856);
INSERT INTO sources VALUES('lost',1795977758521,1795977762362,0,1,1795977770000,0.018519299999999998956,0.0057334999999999998812,0.00040630000000000000967);
CREATE TABLE run_counts (
    source TEXT NOT NULL, schedule TEXT NOT NULL, result TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (source, schedule, result)) WITHOUT ROWID;
INSERT INTO run_counts VALUES('itsm','daily','skipped',1);
INSERT INTO run_counts VALUES('itsm','manual','success',3);
INSERT INTO run_counts VALUES('itsm','weekly','success',1);
INSERT INTO run_counts VALUES('lost','manual','failure',1);
INSERT INTO run_counts VALUES('lost','manual','success',1);
CREATE TABLE verification_counts (
    source TEXT NOT NULL, "check" TEXT NOT NULL, result TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (source, "check", result)) WITHOUT ROWID;
INSERT INTO verification_counts VALUES('itsm','checksum','success',7);
INSERT INTO verification_counts VALUES('itsm','gzip','success',7);
INSERT INTO verification_counts VALUES('itsm','integrity','success',7);
INSERT INTO verification_counts VALUES('lost','checksum','failure',1);
INSERT INTO verification_counts VALUES('lost','checksum','success',2);
INSERT INTO verification_counts VALUES('lost','gzip','failure',1);
INSERT INTO verification_counts VALUES('lost','gzip','success',2);
INSERT INTO verification_counts VALUES('lost','integrity','success',2);
CREATE TABLE heartbeat (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL);
INSERT INTO heartbeat VALUES(1,1795977773000);
CREATE TABLE operations (
    id INTEGER PRIMARY KEY, source TEXT NOT NULL, kind TEXT NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER,
    backup_id TEXT, detail TEXT NOT NULL, failure TEXT, message TEXT, hint TEXT);
INSERT INTO operations VALUES(1,'itsm','drill',1795977759509,1795977759656,'20261129T184238Z-71aade','manual_20261130_034238.db-wal.gz restored into scratch in 0.07 s',NULL,NULL,NULL);
INSERT INTO operations VALUES(2,'itsm','restore',1795977759988,1795977760414,'20261129T184238Z-71aade','restore of manual_20261130_034238.db-wal.gz to /srv/itsm/look.db; there was nothing before',NULL,NULL,NULL);
INSERT INTO operations VALUES(3,'itsm','restore',1795977760846,1795977761282,'20261129T184238Z-71aade','restore of manual_20261130_034238.db-wal.gz over the live database /srv/itsm/app.db; the old one is /srv/itsm/app.db.pre_restore.20261130034240',NULL,NULL,NULL);
INSERT INTO operations VALUES(4,'itsm','verification',1795977761749,1795977761887,'20261129T184238Z-71aade','manual_20261130_034238.db-wal.gz was read back and is good',NULL,NULL,NULL);
INSERT INTO operations VALUES(5,'','selftest',1795977762782,1795977764096,NULL,'21 of 21 kinds of damage were told as they ought to be',NULL,NULL,NULL);
INSERT INTO operations VALUES(6,'lost','restore',1795977764977,1795977765602,'20261129T184238Z-4ca769','restore of manual_20261130_034238.db.gz over the live database /srv/itsm/gone.db; there was nothing before',NULL,NULL,NULL);
INSERT INTO operations VALUES(7,'lost','quarantine',1795977766293,1795977766293,'20261129T184238Z-4ca769','manual_20261130_034238.db.gz was set aside as manual_20261130_034238.db.gz.bad: its SHA-256 is c3fdcf838284560369439970580948a36b4e1d0d36c830c80e385ef3e3007ea7 and its .sha256 file says 4f2d4e47708a82c340a9aad2b6971249b38e52704845cccf0f0c787805384b38',NULL,NULL,NULL);
INSERT INTO operations VALUES(8,'lost','verification',1795977766145,1795977766304,'20261129T184238Z-4ca769','manual_20261130_034238.db.gz.bad was read back and is corrupt: its SHA-256 is c3fdcf838284560369439970580948a36b4e1d0d36c830c80e385ef3e3007ea7 and its .sha256 file says 4f2d4e47708a82c340a9aad2b6971249b38e52704845cccf0f0c787805384b38','Verification','backup ''/srv/itsm/backups/lost/manual_20261130_034238.db.gz.bad'' is corrupt: its SHA-256 is c3fdcf838284560369439970580948a36b4e1d0d36c830c80e385ef3e3007ea7 and its .sha256 file says 4f2d4e47708a82c340a9aad2b6971249b38e52704845cccf0f0c787805384b38','make a new one: nexus-backup backup ''lost''');
INSERT INTO operations VALUES(9,'lost','restore',1795977766819,1795977766889,NULL,'restore to its place: not begun','Verification','no backup of source ''lost'' can be restored: manual_20261130_034238.db.gz.bad: quarantined: its SHA-256 is c3fdcf838284560369439970580948a36b4e1d0d36c830c80e385ef3e3007ea7 and its .sha256 file says 4f2d4e47708a82c340a9aad2b6971249b38e52704845cccf0f0c787805384b38','look for a copy elsewhere and put its .db.gz into the store''s directory; a damaged one may be salvaged by hand (gunzip, sqlite3 .recover). This is level L3: escalate (runbook §4)');
INSERT INTO operations VALUES(10,'itsm','hook',1795977771000,1795977771500,'20261129T184248Z-0a1b2c','told ''true'' of the backup''s success',NULL,NULL,NULL);
INSERT INTO operations VALUES(11,'lost','restore',1795977772000,NULL,NULL,'restore of manual_20261130_034238.db.gz over the live database /srv/itsm/gone.db',NULL,NULL,NULL);
CREATE TABLE operation_counts (
    source TEXT NOT NULL, kind TEXT NOT NULL, result TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (source, kind, result)) WITHOUT ROWID;
INSERT INTO operation_counts VALUES('','selftest','success',1);
INSERT INTO operation_counts VALUES('itsm','drill','success',1);
INSERT INTO operation_counts VALUES('itsm','hook','success',1);
INSERT INTO operation_counts VALUES('itsm','restore','success',2);
INSERT INTO operation_counts VALUES('itsm','verification','success',1);
INSERT INTO operation_counts VALUES('lost','quarantine','success',1);
INSERT INTO operation_counts VALUES('lost','restore','failure',1);
INSERT INTO operation_counts VALUES('lost','restore','success',1);
INSERT INTO operation_counts VALUES('lost','verification','failure',1);
CREATE TABLE schedules (
    source TEXT NOT NULL, schedule TEXT NOT NULL, cron TEXT NOT NULL, retention TEXT NOT NULL, added_at INTEGER NOT NULL,
    PRIMARY KEY (source, schedule)) WITHOUT ROWID;
INSERT INTO schedules VALUES('itsm','daily','0 2 * * *','7d',1795977758091);
CREATE INDEX runs_by_source ON runs (source, schedule, started_at);
CREATE INDEX runs_by_start ON runs (started_at);
CREATE INDEX runs_open ON runs (source) WHERE result IS NULL;
CREATE INDEX operations_by_kind ON operations (kind, source);
CREATE INDEX operations_by_source ON operations (source, started_at);
CREATE INDEX operations_by_start ON operations (started_at);
CREATE INDEX operations_open ON operations (source, kind) WHERE ended_at IS NULL;
COMMIT;
