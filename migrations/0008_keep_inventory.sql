-- The inventory: what is asked of ten million devices and answered at once, and how
-- a device's life goes and ends. docs/lifecycle.md, docs/privacy.md.
--
-- What may tell something of a person is declared by a comment on its column that
-- begins with `personal`, and erased by birthmark's erasure: docs/privacy.md.

-- Devices ---------------------------------------------------------------------

ALTER TABLE devices
  DROP COLUMN labels,                    -- device_labels below
  -- Whose line made it, if it is another fleet's by now.
  ADD COLUMN birth_fleet_id  text COLLATE "C",
  ADD COLUMN fleet_time      timestamptz,  -- when another fleet gave it to this one
  -- Findings that deny it renewals; kept by the trigger on findings.
  ADD COLUMN denials         integer     NOT NULL DEFAULT 0 CHECK (denials >= 0),
  ADD COLUMN replaces        uuid,
  ADD COLUMN replaced_by     uuid,
  -- Of the commitment to display_name in the audit log.
  ADD COLUMN display_name_salt bytea     CHECK (length(display_name_salt) = 32),
  -- The day (UTC) of last_contact_time: an index on that itself would have every
  -- contact write all indexes of the table.
  ADD COLUMN contact_day     date,
  ALTER COLUMN hardware_revision TYPE text COLLATE "C",
  ALTER COLUMN line_id TYPE text COLLATE "C",
  ALTER COLUMN batch_id TYPE text COLLATE "C";
UPDATE devices SET contact_day = (last_contact_time AT TIME ZONE 'UTC')::date
WHERE last_contact_time IS NOT NULL;
COMMENT ON COLUMN devices.display_name IS 'personal: may name its owner';
COMMENT ON COLUMN devices.display_name_salt IS 'personal: opens a commitment';
-- Room on each page for the contacts to come.
ALTER TABLE devices SET (fillfactor = 90);

-- What lists are driven by: each is in the order of age within its value.
CREATE INDEX devices_by_model ON devices
  (fleet_id, model, hardware_revision, create_time, device_uid);
CREATE INDEX devices_by_line ON devices (fleet_id, line_id, create_time, device_uid);
CREATE INDEX devices_by_batch ON devices
  (fleet_id, line_id, batch_id, create_time, device_uid);
-- But for the state that most devices are in.
CREATE INDEX devices_by_state ON devices (fleet_id, state, create_time, device_uid)
  WHERE state <> 2;
CREATE INDEX devices_by_serial_number ON devices
  (fleet_id, serial_number, device_uid);
CREATE INDEX devices_by_contact ON devices
  (fleet_id, contact_day, create_time, device_uid);

CREATE TABLE device_labels (
  device_uid   uuid        NOT NULL,
  label_key    text        COLLATE "C" NOT NULL,
  -- text, integer, flag, time
  label_type   smallint    NOT NULL CHECK (label_type BETWEEN 1 AND 4),
  value        text        COLLATE "C" NOT NULL,  -- canonical for its type
  personal     boolean     NOT NULL,
  -- Of the commitment in the audit log; personal ones alone have one.
  salt         bytea       CHECK (length(salt) = 32),
  -- The device's, for lists.
  fleet_id     text        COLLATE "C" NOT NULL,
  create_time  timestamptz NOT NULL,
  PRIMARY KEY (device_uid, label_key),
  CHECK (personal = (salt IS NOT NULL))
);
COMMENT ON COLUMN device_labels.value IS 'personal: where the label says so';
COMMENT ON COLUMN device_labels.salt IS 'personal: opens a commitment';
CREATE INDEX device_labels_by_value ON device_labels
  (fleet_id, label_key, value, create_time, device_uid);

-- The current firmware, with what lists need of its device.
ALTER TABLE device_firmware
  ADD COLUMN fleet_id     text COLLATE "C",
  ADD COLUMN device_time  timestamptz,           -- the device's create_time
  ADD COLUMN highest_security_version bigint,    -- ever
  ALTER COLUMN component TYPE text COLLATE "C",
  ALTER COLUMN firmware_version TYPE text COLLATE "C",
  DROP CONSTRAINT device_firmware_device_uid_fkey;
UPDATE device_firmware f
SET fleet_id = d.fleet_id, device_time = d.create_time,
    highest_security_version = f.security_version
FROM devices d WHERE d.device_uid = f.device_uid;
ALTER TABLE device_firmware
  ALTER COLUMN fleet_id SET NOT NULL,
  ALTER COLUMN device_time SET NOT NULL,
  ALTER COLUMN highest_security_version SET NOT NULL,
  SET (fillfactor = 80);
CREATE INDEX device_firmware_by_version ON device_firmware
  (fleet_id, component, firmware_version, device_time, device_uid);

-- Reports and events stay with the fleet that the device was in.
ALTER TABLE firmware_reports
  DROP CONSTRAINT firmware_reports_device_uid_fkey,
  ADD COLUMN fleet_id text COLLATE "C";
UPDATE firmware_reports r SET fleet_id = d.fleet_id
FROM devices d WHERE d.device_uid = r.device_uid;
ALTER TABLE firmware_reports ALTER COLUMN fleet_id SET NOT NULL;

-- The first digest that a version was reported with.
CREATE TABLE firmware_digests (
  fleet_id          text        COLLATE "C" NOT NULL,
  model             text        COLLATE "C" NOT NULL,
  component         text        COLLATE "C" NOT NULL,
  firmware_version  text        COLLATE "C" NOT NULL,
  digest            bytea       NOT NULL CHECK (length(digest) = 32),
  device_uid        uuid        NOT NULL,        -- who reported it first
  create_time       timestamptz NOT NULL,
  PRIMARY KEY (fleet_id, model, component, firmware_version)
);

-- In the order of transactions: below the oldest transaction that still runs nothing
-- can come any more, so whoever has read up to there has missed nothing.
ALTER TABLE device_events
  ADD COLUMN fleet_id text COLLATE "C",
  ADD COLUMN xid bigint;
UPDATE device_events e SET fleet_id = d.fleet_id, xid = 0
FROM devices d WHERE d.device_uid = e.device_uid;
ALTER TABLE device_events
  ALTER COLUMN fleet_id SET NOT NULL,
  ALTER COLUMN xid SET NOT NULL,
  ALTER COLUMN xid SET DEFAULT pg_current_xact_id()::text::bigint;
CREATE INDEX device_events_by_commit ON device_events (xid, event_id);

-- Counts ------------------------------------------------------------------------

-- Devices by everything that they are counted by; component '' counts the devices
-- themselves, others those that report that version of the component. The truth is
-- the sum of this and of the changes that are not folded into it yet: a change is an
-- insert, so that nobody waits for anybody.
CREATE TABLE device_counts (
  fleet_id           text      COLLATE "C" NOT NULL,
  model              text      COLLATE "C" NOT NULL,
  hardware_revision  text      COLLATE "C" NOT NULL,
  state              smallint  NOT NULL,
  component          text      COLLATE "C" NOT NULL,
  firmware_version   text      COLLATE "C" NOT NULL,
  devices            bigint    NOT NULL,
  PRIMARY KEY (fleet_id, component, model, hardware_revision, state,
               firmware_version)
);
CREATE TABLE device_count_changes (
  fleet_id           text      COLLATE "C" NOT NULL,
  model              text      COLLATE "C" NOT NULL,
  hardware_revision  text      COLLATE "C" NOT NULL,
  state              smallint  NOT NULL,
  component          text      COLLATE "C" NOT NULL,
  firmware_version   text      COLLATE "C" NOT NULL,
  devices            bigint    NOT NULL
) WITH (autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_scale_factor = 0);
INSERT INTO device_counts
SELECT fleet_id, model, hardware_revision, state, '', '', count(*)
FROM devices GROUP BY fleet_id, model, hardware_revision, state;
INSERT INTO device_counts
SELECT d.fleet_id, d.model, d.hardware_revision, d.state, f.component,
       f.firmware_version, count(*)
FROM device_firmware f JOIN devices d USING (device_uid)
GROUP BY d.fleet_id, d.model, d.hardware_revision, d.state, f.component,
         f.firmware_version;

CREATE FUNCTION count_new_devices() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO device_count_changes
  SELECT fleet_id, model, hardware_revision, state, '', '', count(*)
  FROM fresh GROUP BY fleet_id, model, hardware_revision, state;
  RETURN NULL;
END
$$;
CREATE TRIGGER devices_counted AFTER INSERT ON devices
  REFERENCING NEW TABLE AS fresh
  FOR EACH STATEMENT EXECUTE FUNCTION count_new_devices();

-- Whoever changes a device's state or firmware holds the lock on its row, and does
-- not do both in one statement.
CREATE FUNCTION count_moved_device() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO device_count_changes
  SELECT s.fleet_id, OLD.model, OLD.hardware_revision, s.state, w.component,
         w.firmware_version, s.change
  FROM (VALUES (OLD.fleet_id, OLD.state, -1), (NEW.fleet_id, NEW.state, 1))
       AS s (fleet_id, state, change),
       (SELECT '' AS component, '' AS firmware_version
        UNION ALL
        SELECT component, firmware_version FROM device_firmware
        WHERE device_uid = NEW.device_uid) AS w;
  RETURN NULL;
END
$$;
CREATE TRIGGER devices_recounted AFTER UPDATE ON devices
  FOR EACH ROW WHEN (OLD.state <> NEW.state OR OLD.fleet_id <> NEW.fleet_id)
  EXECUTE FUNCTION count_moved_device();

CREATE FUNCTION count_firmware() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO device_count_changes
  SELECT d.fleet_id, d.model, d.hardware_revision, d.state, NEW.component,
         s.firmware_version, s.change
  FROM devices d,
       (VALUES (NEW.firmware_version, 1),
               (CASE WHEN TG_OP = 'UPDATE' THEN OLD.firmware_version END, -1))
       AS s (firmware_version, change)
  WHERE d.device_uid = NEW.device_uid AND s.firmware_version IS NOT NULL;
  RETURN NULL;
END
$$;
CREATE TRIGGER firmware_counted AFTER INSERT ON device_firmware
  FOR EACH ROW EXECUTE FUNCTION count_firmware();
CREATE TRIGGER firmware_recounted AFTER UPDATE ON device_firmware
  FOR EACH ROW WHEN (OLD.firmware_version <> NEW.firmware_version)
  EXECUTE FUNCTION count_firmware();

-- Adds the changes up. One at a time; whoever comes meanwhile does nothing. Returns
-- how many changes it folded.
CREATE FUNCTION fold_device_counts() RETURNS bigint LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  folded bigint;
BEGIN
  IF NOT pg_try_advisory_xact_lock(16973, 4) THEN
    RETURN 0;
  END IF;
  WITH gone AS (DELETE FROM device_count_changes RETURNING *),
  sums AS (
    SELECT fleet_id, model, hardware_revision, state, component,
           firmware_version, sum(devices) AS devices
    FROM gone
    GROUP BY fleet_id, model, hardware_revision, state, component,
             firmware_version
    HAVING sum(devices) <> 0),
  added AS (
    INSERT INTO device_counts AS c
    SELECT * FROM sums
    ON CONFLICT (fleet_id, component, model, hardware_revision, state,
                 firmware_version)
    DO UPDATE SET devices = c.devices + excluded.devices)
  SELECT count(*) INTO folded FROM gone;
  RETURN folded;
END
$$;
REVOKE EXECUTE ON FUNCTION fold_device_counts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fold_device_counts TO birthmark_inventory;

-- Keys --------------------------------------------------------------------------

ALTER TABLE keys
  -- not said, software, secure element, TPM: as who enrolled it said
  ADD COLUMN protection      smallint NOT NULL DEFAULT 0
                             CHECK (protection BETWEEN 0 AND 3),
  ADD COLUMN first_use_time  timestamptz,
  ADD COLUMN last_use_time   timestamptz;  -- to five minutes
CREATE INDEX keys_rsa ON keys (spki_sha256) WHERE algorithm = 4;
ALTER TABLE batches ADD COLUMN key_protection smallint NOT NULL DEFAULT 0
  CHECK (key_protection BETWEEN 0 AND 3);

CREATE TABLE key_audits (
  audit_id       uuid        NOT NULL PRIMARY KEY,
  -- running, done, cancelled
  state          smallint    NOT NULL CHECK (state BETWEEN 1 AND 3),
  progress       text        NOT NULL DEFAULT '',
  key_count      bigint      NOT NULL DEFAULT 0,
  shared_count   bigint      NOT NULL DEFAULT 0,
  finding_count  bigint      NOT NULL DEFAULT 0,
  last_error     text        NOT NULL DEFAULT '',
  actor          text        NOT NULL,
  create_time    timestamptz NOT NULL,
  end_time       timestamptz,
  CHECK ((state = 1) = (end_time IS NULL))
);
CREATE UNIQUE INDEX key_audits_running ON key_audits (state) WHERE state = 1;
CREATE INDEX key_audits_by_age ON key_audits (create_time, audit_id);

-- Findings ------------------------------------------------------------------------

ALTER TABLE fleets
  -- allow, warn, deny renewal, quarantine
  ADD COLUMN firmware_rollback_policy  smallint NOT NULL DEFAULT 2
             CHECK (firmware_rollback_policy BETWEEN 1 AND 4),
  ADD COLUMN firmware_digest_policy    smallint NOT NULL DEFAULT 2
             CHECK (firmware_digest_policy BETWEEN 1 AND 4),
  ADD COLUMN shared_prime_policy       smallint NOT NULL DEFAULT 2
             CHECK (shared_prime_policy BETWEEN 1 AND 4),
  ADD COLUMN wipe_timeout_seconds      integer  NOT NULL DEFAULT 2592000
             CHECK (wipe_timeout_seconds BETWEEN 0 AND 31536000);

CREATE TABLE findings (
  finding_id       uuid        NOT NULL PRIMARY KEY,  -- UUIDv7
  fleet_id         text        COLLATE "C" NOT NULL,
  device_uid       uuid        NOT NULL,
  -- firmware rollback, firmware digest, shared prime
  kind             smallint    NOT NULL CHECK (kind BETWEEN 1 AND 3),
  subject          text        COLLATE "C" NOT NULL,  -- component, or key in hex
  -- open, acknowledged, closed
  state            smallint    NOT NULL CHECK (state BETWEEN 1 AND 3),
  -- warn, deny renewal, quarantine
  effect           smallint    NOT NULL CHECK (effect BETWEEN 1 AND 3),
  details          jsonb       NOT NULL,
  times            bigint      NOT NULL DEFAULT 1,
  note             text        NOT NULL DEFAULT '',
  acknowledge_actor  text,
  acknowledge_time   timestamptz,
  close_actor      text,
  close_time       timestamptz,
  version          bigint      NOT NULL DEFAULT 1,  -- source of the API etag
  create_time      timestamptz NOT NULL,
  last_time        timestamptz NOT NULL,
  CHECK ((state = 3) = (close_time IS NOT NULL))
);
CREATE UNIQUE INDEX findings_not_closed ON findings (device_uid, kind, subject)
  WHERE state <> 3;
CREATE INDEX findings_by_age ON findings (fleet_id, create_time, finding_id);
CREATE INDEX findings_open_by_age ON findings (fleet_id, create_time, finding_id)
  WHERE state <> 3;
CREATE INDEX findings_by_device ON findings (device_uid, create_time, finding_id);

CREATE FUNCTION count_denials() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  UPDATE devices
  SET denials = denials + CASE WHEN NEW.state = 3 THEN -1 ELSE 1 END
  WHERE device_uid = NEW.device_uid;
  RETURN NULL;
END
$$;
CREATE TRIGGER findings_deny AFTER INSERT ON findings
  FOR EACH ROW WHEN (NEW.effect = 2 AND NEW.state <> 3)
  EXECUTE FUNCTION count_denials();
CREATE TRIGGER findings_deny_no_longer AFTER UPDATE OF state ON findings
  FOR EACH ROW WHEN (NEW.effect = 2 AND NEW.state = 3 AND OLD.state <> 3)
  EXECUTE FUNCTION count_denials();

-- Quarantine ----------------------------------------------------------------------

CREATE TABLE quarantines (
  device_uid      uuid        NOT NULL,
  quarantine_id   uuid        NOT NULL,            -- UUIDv7
  reason          text        NOT NULL,
  playbook        text        NOT NULL,
  actor           text        NOT NULL,
  -- The certificates that it put on hold, and no others, are released with it.
  held            bytea[]     NOT NULL,
  create_time     timestamptz NOT NULL,
  release_actor   text,
  release_reason  text,
  release_time    timestamptz,
  PRIMARY KEY (device_uid, quarantine_id),
  CHECK (num_nulls(release_actor, release_reason, release_time) IN (0, 3))
);
CREATE UNIQUE INDEX quarantines_not_released ON quarantines (device_uid)
  WHERE release_time IS NULL;

-- A certificate may be on its way while its device is quarantined: reserved, signed,
-- not recorded yet. Such a certificate is born on hold, as one of a retired key is
-- born revoked, and belongs to the quarantine.
ALTER TABLE keys_retired_uncertified RENAME TO keys_stopped_uncertified;
ALTER TABLE keys_stopped_uncertified
  ADD COLUMN hold boolean NOT NULL DEFAULT false;
CREATE OR REPLACE FUNCTION note_retired_key() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM certificates WHERE serial = NEW.serial) THEN
    RETURN NULL;
  END IF;
  PERFORM pg_advisory_xact_lock(16973, 1);
  INSERT INTO keys_stopped_uncertified (serial, spki_sha256)
  SELECT NEW.serial, NEW.spki_sha256
  WHERE NOT EXISTS (SELECT FROM certificates WHERE serial = NEW.serial)
  ON CONFLICT (serial) DO UPDATE SET hold = false;
  RETURN NULL;
END
$$;

-- Called by who quarantines, after it has locked the devices and before it looks for
-- their certificates.
CREATE FUNCTION hold_uncertified_keys(devices uuid[]) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (
      SELECT FROM unnest(devices) AS u (device_uid)
      JOIN keys k ON k.device_uid = u.device_uid
      WHERE k.state = 1
        AND NOT EXISTS (SELECT FROM certificates c WHERE c.serial = k.serial)) THEN
    RETURN;
  END IF;
  PERFORM pg_advisory_xact_lock(16973, 1);
  INSERT INTO keys_stopped_uncertified (serial, spki_sha256, hold)
  SELECT k.serial, k.spki_sha256, true
  FROM unnest(devices) AS u (device_uid) JOIN keys k ON k.device_uid = u.device_uid
  WHERE k.state = 1
    AND NOT EXISTS (SELECT FROM certificates c WHERE c.serial = k.serial)
  ON CONFLICT DO NOTHING;
END
$$;
-- Called by who releases.
CREATE FUNCTION release_uncertified_keys(devices uuid[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM keys_stopped_uncertified WHERE hold) THEN
    PERFORM pg_advisory_xact_lock(16973, 1);
    DELETE FROM keys_stopped_uncertified s
    USING keys k
    WHERE s.hold AND k.spki_sha256 = s.spki_sha256
      AND k.device_uid = ANY (devices);
  END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION hold_uncertified_keys, release_uncertified_keys
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hold_uncertified_keys, release_uncertified_keys
  TO birthmark_inventory, birthmark_registration;

CREATE OR REPLACE FUNCTION revoke_certificates_of_retired_keys()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  late record;
  id bytea;
  canonical text;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(16973, 1);
  IF NOT EXISTS (SELECT FROM keys_stopped_uncertified) THEN
    RETURN NULL;
  END IF;
  FOR late IN
    INSERT INTO revocations
      (serial, issuer_id, crl_shard, not_after, state, reason, actor,
       revoke_time, update_time)
    SELECT c.serial, c.issuer_id, c.crl_shard, c.not_after,
           CASE WHEN u.hold THEN 1 ELSE 2 END, CASE WHEN u.hold THEN 6 ELSE 5 END,
           CASE WHEN u.hold THEN 'birthmark:quarantine'
                ELSE 'birthmark:retired-key' END,
           c.create_time, c.create_time
    FROM keys_stopped_uncertified u JOIN certificates c USING (serial)
    ORDER BY c.serial
    RETURNING serial, issuer_id, state, actor,
              date_trunc('milliseconds', revoke_time) AS t
  LOOP
    DELETE FROM keys_stopped_uncertified WHERE serial = late.serial;
    IF late.state = 1 THEN
      UPDATE quarantines q SET held = q.held || late.serial
      FROM certificates c
      WHERE c.serial = late.serial AND q.device_uid = c.device_uid
        AND q.release_time IS NULL;
    END IF;
    -- A UUIDv7, and the canonical bytes as docs/audit_format.md has them.
    id := substring(int8send((extract(epoch FROM late.t) * 1000)::bigint) FROM 3)
          || substring(uuid_send(gen_random_uuid()) FROM 7);
    id := set_byte(id, 6, (get_byte(id, 6) & 15) | 112);
    canonical := format(
      '{"action":"certificate.%s","actor":"%s",'
      '"details":{"reason":"%s"},"id":"%s",'
      '"resource":"issuers/%s/certificates/%s","time":"%s"}',
      CASE late.state WHEN 1 THEN 'hold' ELSE 'revoke' END, late.actor,
      CASE late.state WHEN 1 THEN 'certificateHold' ELSE 'cessationOfOperation' END,
      encode(id, 'hex')::uuid, late.issuer_id,
      encode(late.serial, 'hex'),
      to_char(late.t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'));
    INSERT INTO audit_entries
      (entry_time, entry_id, actor, action, resource, entry, leaf_hash)
    VALUES (late.t, encode(id, 'hex')::uuid, late.actor,
            CASE late.state WHEN 1 THEN 'certificate.hold'
                            ELSE 'certificate.revoke' END,
            format('issuers/%s/certificates/%s', late.issuer_id,
                   encode(late.serial, 'hex')),
            canonical, sha256('\x00'::bytea || convert_to(canonical, 'UTF8')));
  END LOOP;
  RETURN NULL;
END
$$;

-- Decommissioning -----------------------------------------------------------------

-- The name of the device, if its certificate `presented` is one of those that its
-- decommission revoked and it has still to wipe itself. For the door of every role.
CREATE FUNCTION wiping_device(presented bytea) RETURNS text LANGUAGE plpgsql STABLE
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  RETURN (
    SELECT format('fleets/%s/devices/%s', d.fleet_id, d.device_uid)
    FROM certificates c
    JOIN devices d ON d.device_uid = c.device_uid
    JOIN decommissions w ON w.device_uid = d.device_uid
    JOIN revocations r ON r.serial = c.serial
    JOIN keys k ON k.spki_sha256 = c.spki_sha256
    WHERE c.serial = presented AND d.state = 4 AND w.end_time IS NULL
      AND w.wipe_instruction IS NOT NULL
      AND r.state = 2 AND r.actor = w.actor AND r.revoke_time = w.create_time
      AND k.state <> 3);
END
$$;
REVOKE EXECUTE ON FUNCTION wiping_device FROM PUBLIC;
GRANT EXECUTE ON FUNCTION wiping_device
  TO birthmark_ca, birthmark_registration, birthmark_inventory, birthmark_status;

CREATE TABLE decommissions (
  device_uid        uuid        NOT NULL PRIMARY KEY,
  fleet_id          text        COLLATE "C" NOT NULL,
  reason            text        NOT NULL,
  actor             text        NOT NULL,
  job_id            text,
  create_time       timestamptz NOT NULL,
  revoked           integer     NOT NULL,
  keys              integer     NOT NULL,
  -- waiting, confirmed, timed out, not asked
  wipe_outcome      smallint    NOT NULL CHECK (wipe_outcome BETWEEN 1 AND 4),
  wipe_instruction  uuid,                          -- null: not asked
  wipe_deadline     timestamptz,
  wipe_receipt      text,                          -- JWS, as it came
  wipe_key          bytea       CHECK (length(wipe_key) = 32),  -- its SPKI's hash
  wipe_time         timestamptz,
  end_time          timestamptz,
  certificate       text,                          -- JWS
  certificate_time  timestamptz,
  CHECK ((wipe_outcome = 2) = (wipe_receipt IS NOT NULL)),
  CHECK (num_nulls(wipe_receipt, wipe_key, wipe_time) IN (0, 3)),
  CHECK (certificate IS NULL OR end_time IS NOT NULL)
);
-- Which are to be ended: confirmed or too late.
CREATE INDEX decommissions_waiting ON decommissions (wipe_deadline)
  WHERE end_time IS NULL AND wipe_outcome = 1;
CREATE INDEX decommissions_confirmed ON decommissions (wipe_time)
  WHERE end_time IS NULL AND wipe_outcome = 2;
CREATE INDEX decommissions_uncertified ON decommissions (end_time)
  WHERE end_time IS NOT NULL AND certificate IS NULL;

CREATE TABLE device_transfers (
  transfer_id    uuid        NOT NULL PRIMARY KEY,  -- UUIDv7
  device_uid     uuid        NOT NULL,
  from_fleet_id  text        COLLATE "C" NOT NULL,
  to_fleet_id    text        COLLATE "C" NOT NULL CHECK (to_fleet_id <> from_fleet_id),
  -- offered, accepted, cancelled
  state          smallint    NOT NULL CHECK (state BETWEEN 1 AND 3),
  reason         text        NOT NULL,
  offer_actor    text        NOT NULL,
  end_actor      text,
  create_time    timestamptz NOT NULL,
  end_time       timestamptz,
  CHECK ((state = 1) = (end_time IS NULL))
);
CREATE UNIQUE INDEX device_transfers_offered ON device_transfers (device_uid)
  WHERE state = 1;
CREATE INDEX device_transfers_by_age ON device_transfers (create_time, transfer_id);
CREATE INDEX device_transfers_from ON device_transfers
  (from_fleet_id, create_time, transfer_id);
CREATE INDEX device_transfers_to ON device_transfers
  (to_fleet_id, create_time, transfer_id);
CREATE INDEX device_transfers_by_device ON device_transfers (device_uid, create_time);

CREATE TABLE device_replacements (
  replacement_id  uuid        NOT NULL PRIMARY KEY,  -- UUIDv7
  fleet_id        text        COLLATE "C" NOT NULL,
  old_uid         uuid        NOT NULL,
  new_uid         uuid        NOT NULL CHECK (new_uid <> old_uid),
  -- pending approval, approved, rejected
  state           smallint    NOT NULL CHECK (state BETWEEN 1 AND 3),
  reason          text        NOT NULL,
  create_actor    text        NOT NULL,
  end_actor       text,
  create_time     timestamptz NOT NULL,
  end_time        timestamptz,
  CHECK ((state = 1) = (end_time IS NULL)),
  CHECK (state <> 2 OR end_actor <> create_actor)
);
CREATE UNIQUE INDEX device_replacements_of_old ON device_replacements (old_uid)
  WHERE state <> 3;
CREATE UNIQUE INDEX device_replacements_by_new ON device_replacements (new_uid)
  WHERE state <> 3;
CREATE INDEX device_replacements_by_age
  ON device_replacements (fleet_id, create_time, replacement_id);

-- Jobs ------------------------------------------------------------------------------

CREATE TABLE device_jobs (
  fleet_id        text        COLLATE "C" NOT NULL,
  job_id          text        COLLATE "C" NOT NULL
                              CHECK (job_id ~ '^[a-z0-9-]{1,63}$'),
  -- collecting, pending approval, running, paused, done, cancelled
  state           smallint    NOT NULL CHECK (state BETWEEN 1 AND 6),
  action          smallint    NOT NULL CHECK (action BETWEEN 1 AND 3),
  filter          text        NOT NULL,             -- '': by list
  reason          text        NOT NULL,
  playbook        text        NOT NULL,
  rate            integer     NOT NULL CHECK (rate >= 0),
  needs_approval  boolean     NOT NULL DEFAULT false,
  -- How far it has collected, and how far it is done: items up to next_item.
  position        bytea       NOT NULL DEFAULT '',
  items           bigint      NOT NULL DEFAULT 0,
  next_item       bigint      NOT NULL DEFAULT 1,
  done            bigint      NOT NULL DEFAULT 0,
  unchanged       bigint      NOT NULL DEFAULT 0,
  failed          bigint      NOT NULL DEFAULT 0,
  certificates    bigint      NOT NULL DEFAULT 0,
  next_step_time  timestamptz NOT NULL,
  last_error      text        NOT NULL DEFAULT '',
  create_actor    text        NOT NULL,
  approve_actor   text        CHECK (approve_actor <> create_actor),
  version         bigint      NOT NULL DEFAULT 1,   -- source of the API etag
  create_time     timestamptz NOT NULL,
  update_time     timestamptz NOT NULL,
  end_time        timestamptz,
  PRIMARY KEY (fleet_id, job_id),
  CHECK ((state IN (5, 6)) = (end_time IS NOT NULL)),
  CHECK (done + unchanged + failed = next_item - 1),
  CHECK (next_item <= items + 1)
);
CREATE INDEX device_jobs_by_age ON device_jobs (create_time, fleet_id, job_id);
CREATE INDEX device_jobs_due ON device_jobs (next_step_time)
  WHERE state = 3 OR (state = 1 AND filter <> '');

CREATE TABLE device_job_items (
  fleet_id    text      COLLATE "C" NOT NULL,
  job_id      text      COLLATE "C" NOT NULL,
  item        bigint    NOT NULL,                   -- from 1, without gaps
  device_uid  uuid      NOT NULL,
  -- waiting, done, unchanged, failed
  outcome     smallint  NOT NULL CHECK (outcome BETWEEN 1 AND 4),
  error_reason  text    CHECK ((outcome = 4) = (error_reason IS NOT NULL)),
  PRIMARY KEY (fleet_id, job_id, item),
  -- Not with the same columns in front: plans are made while the table is small, and
  -- either index would do for either look-up then.
  UNIQUE (device_uid, fleet_id, job_id)
) WITH (fillfactor = 70);

-- Rights ----------------------------------------------------------------------------

GRANT SELECT, INSERT, DELETE ON device_labels TO birthmark_inventory;
GRANT UPDATE (label_type, value, personal, salt, fleet_id) ON device_labels
  TO birthmark_inventory;
GRANT UPDATE (fleet_id, birth_fleet_id, fleet_time, replaces, replaced_by,
              display_name_salt)
  ON devices TO birthmark_inventory;
GRANT UPDATE (contact_day) ON devices TO birthmark_registration;
GRANT UPDATE (fleet_id) ON device_firmware TO birthmark_inventory;
GRANT SELECT, INSERT ON firmware_digests TO birthmark_registration;
GRANT SELECT ON firmware_digests TO birthmark_inventory;
GRANT SELECT ON device_counts, device_count_changes TO birthmark_inventory;
GRANT UPDATE (first_use_time, last_use_time) ON keys TO birthmark_registration;
GRANT SELECT, INSERT, UPDATE ON key_audits, findings, quarantines, decommissions,
  device_transfers, device_replacements, device_jobs, device_job_items
  TO birthmark_inventory;
GRANT SELECT, INSERT ON findings, quarantines TO birthmark_registration;
GRANT UPDATE (times, details, last_time, version) ON findings
  TO birthmark_registration;
GRANT SELECT ON decommissions TO birthmark_registration;
GRANT UPDATE (wipe_outcome, wipe_receipt, wipe_key, wipe_time) ON decommissions
  TO birthmark_registration;
-- Answers are kept for seven days.
GRANT DELETE ON requests TO birthmark_inventory;
-- For previews of what CRLs would grow by.
GRANT SELECT ON crl_shards, crls TO birthmark_inventory;
