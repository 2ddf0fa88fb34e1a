-- What verifiers are told of revocations: in which order they happened, on which
-- CRL each stands, who enforces them. docs/revocation.md.

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'birthmark_status') THEN
    CREATE ROLE birthmark_status LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;
  END IF;
END
$$;
GRANT USAGE ON SCHEMA public TO birthmark_status;
GRANT SELECT ON schema_migrations TO birthmark_status;

-- Every change of a certificate's revocation, in the order of their commits: who
-- has seen a revision has seen all before it. Append-only.
CREATE SEQUENCE revocation_revisions AS bigint;
CREATE TABLE revocation_changes (
  revision         bigint      NOT NULL PRIMARY KEY,
  serial           bytea       NOT NULL,
  issuer_id        text        COLLATE "C" NOT NULL,
  crl_shard        integer     NOT NULL,
  not_after        timestamptz NOT NULL,
  state            smallint    NOT NULL,
  reason           smallint    NOT NULL,
  revoke_time      timestamptz NOT NULL,
  invalidity_time  timestamptz,
  update_time      timestamptz NOT NULL
);
CREATE INDEX revocation_changes_by_shard
  ON revocation_changes (issuer_id, crl_shard, revision);
CREATE TRIGGER revocation_changes_append_only
  BEFORE UPDATE OR DELETE ON revocation_changes
  FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER revocation_changes_keep
  BEFORE TRUNCATE ON revocation_changes
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Runs when its transaction commits and not before, so that the lock that puts
-- revisions in the order of commits is held for that moment alone, by somebody who
-- waits for nothing else. The notification goes out with the commit.
CREATE FUNCTION log_revocation() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(16973, 2);
  INSERT INTO revocation_changes
    (revision, serial, issuer_id, crl_shard, not_after, state, reason,
     revoke_time, invalidity_time, update_time)
  VALUES (nextval('revocation_revisions'), NEW.serial, NEW.issuer_id,
          NEW.crl_shard, NEW.not_after, NEW.state, NEW.reason, NEW.revoke_time,
          NEW.invalidity_time, NEW.update_time);
  -- A restored database may have forgotten the shard. Its CRL is made all the same,
  -- and it takes no more certificates: nobody knows how many it has.
  IF NEW.crl_shard >= 0 AND NOT EXISTS (
      SELECT FROM crl_shards
      WHERE issuer_id = NEW.issuer_id AND crl_shard = NEW.crl_shard
        AND live_until >= NEW.not_after) THEN
    INSERT INTO crl_shards AS s
      (issuer_id, crl_shard, assigned, live_until, create_time)
    VALUES (NEW.issuer_id, NEW.crl_shard, 2147483647, NEW.not_after,
            NEW.update_time)
    ON CONFLICT (issuer_id, crl_shard) DO UPDATE
    SET live_until = greatest(s.live_until, excluded.live_until);
  END IF;
  PERFORM pg_notify('revocations', '');
  RETURN NULL;
END
$$;
INSERT INTO revocation_changes
  (revision, serial, issuer_id, crl_shard, not_after, state, reason, revoke_time,
   invalidity_time, update_time)
SELECT nextval('revocation_revisions'), serial, issuer_id, crl_shard, not_after,
       state, reason, revoke_time, invalidity_time, update_time
FROM (SELECT * FROM revocations ORDER BY update_time, serial) AS r;
CREATE CONSTRAINT TRIGGER revocations_logged
  AFTER INSERT OR UPDATE ON revocations
  DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION log_revocation();

-- A database that was restored from a backup must not give a revision a second
-- meaning: verifiers have seen later ones. Nor a place on a shard: it has forgotten
-- certificates.
CREATE FUNCTION skip_revocation_revisions(seen bigint) RETURNS void LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM setval('revocation_revisions',
                 greatest(seen, (SELECT last_value FROM revocation_revisions)));
  UPDATE crl_shards SET assigned = 2147483647;
END
$$;
REVOKE EXECUTE ON FUNCTION skip_revocation_revisions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION skip_revocation_revisions TO birthmark_registration;
GRANT SELECT ON SEQUENCE revocation_revisions TO birthmark_registration;

ALTER TABLE revocations ALTER COLUMN issuer_id TYPE text COLLATE "C";
DROP INDEX revocations_by_shard;
CREATE INDEX revocations_by_shard ON revocations (issuer_id, crl_shard, serial)
  INCLUDE (state, not_after);

-- The CRL shards of an issuer. A certificate gets its shard before it is signed and
-- keeps it; a shard that has given its places away takes no more. -1 in
-- certificates.crl_shard: on no CRL (RFC 9608).
CREATE TABLE crl_shards (
  issuer_id    text        COLLATE "C" NOT NULL,
  crl_shard    integer     NOT NULL CHECK (crl_shard >= 0),
  assigned     integer     NOT NULL CHECK (assigned >= 0),  -- places given away
  -- No certificate of the shard is valid after this.
  live_until   timestamptz NOT NULL,
  create_time  timestamptz NOT NULL,
  PRIMARY KEY (issuer_id, crl_shard)
);
INSERT INTO crl_shards (issuer_id, crl_shard, assigned, live_until, create_time)
SELECT issuer_id, crl_shard, count(*), max(not_after), min(create_time)
FROM certificates WHERE crl_shard >= 0 GROUP BY issuer_id, crl_shard;

-- The current CRL of each shard, and the delta that goes with it.
DROP TABLE crls;
CREATE TABLE crls (
  issuer_id       text        COLLATE "C" NOT NULL,
  crl_shard       integer     NOT NULL CHECK (crl_shard >= 0),
  -- At least the milliseconds of the clock, so that it grows even if an older
  -- database was restored.
  number          bigint      NOT NULL CHECK (number > 0),
  revision        bigint      NOT NULL,  -- every change up to this one is on it
  this_update     timestamptz NOT NULL,
  next_update     timestamptz NOT NULL,
  -- Certificates that expired before this have left it.
  expired_before  timestamptz NOT NULL,
  entries         integer     NOT NULL,
  crl_der         bytea       NOT NULL,
  -- Null: no delta is made. The complete CRL that the delta is to be added to.
  base_number     bigint,
  base_revision   bigint,
  base_time       timestamptz,
  delta_entries   integer,
  delta_der       bytea,
  PRIMARY KEY (issuer_id, crl_shard),
  CHECK (num_nulls(base_number, base_revision, base_time, delta_entries,
                   delta_der) IN (0, 5))
);
-- Compression halves a CRL, and doubles what it costs to store it.
ALTER TABLE crls ALTER COLUMN crl_der SET STORAGE EXTERNAL,
                 ALTER COLUMN delta_der SET STORAGE EXTERNAL;
CREATE FUNCTION announce_crl() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('crls', NEW.issuer_id || '/' || NEW.crl_shard);
  RETURN NULL;
END
$$;
CREATE TRIGGER crls_announced AFTER INSERT OR UPDATE ON crls
  FOR EACH ROW EXECUTE FUNCTION announce_crl();

-- Whoever blocks a key because its certificate is revoked has seen that
-- certificate recorded: nothing is on its way then, and nobody has to wait. The
-- first look needs no lock, because a recorded certificate stays recorded.
CREATE OR REPLACE FUNCTION note_retired_key() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM certificates WHERE serial = NEW.serial) THEN
    RETURN NULL;
  END IF;
  PERFORM pg_advisory_xact_lock(16973, 1);
  INSERT INTO keys_retired_uncertified
  SELECT NEW.serial, NEW.spki_sha256
  WHERE NOT EXISTS (SELECT FROM certificates WHERE serial = NEW.serial)
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END
$$;

-- A key that is retired or blocked never opens a door again, whoever asks.
CREATE FUNCTION refuse_revival() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'a retired key stays retired, a blocked one blocked'
    USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER keys_stay_retired BEFORE UPDATE OF state ON keys
  FOR EACH ROW WHEN (NEW.state < OLD.state) EXECUTE FUNCTION refuse_revival();

-- The certificates of a fleet that are no device's: its lines'. A handful.
CREATE INDEX certificates_of_lines ON certificates (fleet_id, serial)
  WHERE device_uid IS NULL AND fleet_id IS NOT NULL;
-- And those of keys that nobody enrolled, because a ceremony certified them.
CREATE INDEX certificates_of_no_device ON certificates (spki_sha256)
  WHERE device_uid IS NULL;

-- Revocations of many certificates at a time. `position` says how far it got; it
-- moves in the transaction of what was revoked.
CREATE TABLE revocation_jobs (
  job_id              text        COLLATE "C" NOT NULL PRIMARY KEY
                                  CHECK (job_id ~ '^[a-z0-9-]{1,63}$'),
  -- pending approval, running, paused, done, cancelled
  state               smallint    NOT NULL CHECK (state BETWEEN 1 AND 5),
  -- Which certificates: all that are given must agree. Null: any.
  issuer_id           text,
  spki_sha256         bytea       CHECK (length(spki_sha256) = 32),
  fleet_id            text,
  model               text,
  line_id             text,
  batch_id            text,
  firmware_component  text,
  firmware_version    text,
  issued_before       timestamptz NOT NULL,  -- those that were issued before this
  reason              smallint    NOT NULL
                                  CHECK (reason BETWEEN 0 AND 10
                                         AND reason NOT IN (6, 7, 8)),
  invalidity_time     timestamptz,
  rate                integer     NOT NULL CHECK (rate > 0),  -- a second, at most
  -- Counted when it was created: certificates, new entries of CRLs, shards.
  expected            bigint      NOT NULL,
  expected_entries    bigint      NOT NULL,
  expected_shards     integer     NOT NULL,
  -- The account.
  revoked             bigint      NOT NULL DEFAULT 0,
  already_revoked     bigint      NOT NULL DEFAULT 0,
  expired             bigint      NOT NULL DEFAULT 0,
  position            bytea       NOT NULL DEFAULT '',
  next_step_time      timestamptz NOT NULL,
  last_error          text        NOT NULL DEFAULT '',
  create_actor        text        NOT NULL,
  approve_actor       text        CHECK (approve_actor <> create_actor),
  version             bigint      NOT NULL DEFAULT 1,  -- source of the API etag
  create_time         timestamptz NOT NULL,
  update_time         timestamptz NOT NULL,
  end_time            timestamptz,
  CHECK ((state IN (4, 5)) = (end_time IS NOT NULL)),
  CHECK (num_nonnulls(issuer_id, spki_sha256, fleet_id, model, line_id, batch_id,
                      firmware_component, firmware_version) > 0)
);
CREATE INDEX revocation_jobs_by_age ON revocation_jobs (create_time, job_id);
CREATE INDEX revocation_jobs_running ON revocation_jobs (next_step_time)
  WHERE state = 2;

-- Brokers and gateways that refuse revoked certificates, and how far they are.
CREATE TABLE enforcement_points (
  point_id     text        COLLATE "C" NOT NULL PRIMARY KEY
                           CHECK (point_id ~ '^[a-z0-9-]{1,63}$'),
  -- What it said last. Null: nothing yet.
  revision     bigint,
  report_time  timestamptz,
  next_update  timestamptz,  -- the first of its CRLs to run out
  create_time  timestamptz NOT NULL
);

GRANT SELECT ON revocation_changes
  TO birthmark_ca, birthmark_registration, birthmark_status;
GRANT SELECT, INSERT, UPDATE ON crl_shards, crls TO birthmark_ca;
GRANT SELECT ON crl_shards, crls TO birthmark_registration, birthmark_status;
GRANT SELECT ON revocations TO birthmark_status;
GRANT SELECT (serial, issuer_id, crl_shard, not_before, not_after)
  ON certificates TO birthmark_status;
GRANT SELECT, INSERT, UPDATE ON revocation_jobs, enforcement_points
  TO birthmark_registration;
GRANT UPDATE (state, retire_time) ON keys TO birthmark_registration;
-- Jobs find devices by what they run.
GRANT SELECT ON device_firmware TO birthmark_registration;
