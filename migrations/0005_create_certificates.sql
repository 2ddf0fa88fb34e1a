-- Certificates, revocations, CRLs. A certificate row never changes; what becomes
-- of the certificate is in `revocations`.
CREATE TABLE certificates (
  -- 48-bit millisecond timestamp, then 80 random bits: time order keeps inserts
  -- local and prunes partitions.
  serial           bytea       NOT NULL CHECK (length(serial) = 16),
  issuer_id        text        NOT NULL CHECK (issuer_id ~ '^[a-z0-9-]{1,63}$'),
  profile          text        NOT NULL,
  profile_version  integer     NOT NULL CHECK (profile_version > 0),
  spki_sha256      bytea       NOT NULL CHECK (length(spki_sha256) = 32),
  device_uid       uuid,       -- null: not a device's
  fleet_id         text,       -- null: belongs to no fleet
  crl_shard        integer     NOT NULL CHECK (crl_shard >= 0),
  not_before       timestamptz NOT NULL,
  not_after        timestamptz NOT NULL,
  certificate_der  bytea       NOT NULL,
  create_time      timestamptz NOT NULL,
  PRIMARY KEY (serial),
  CHECK (not_before < not_after)
) PARTITION BY RANGE (serial);
SELECT create_serial_partitions('certificates', DATE '2026-10-01', 27);
CREATE TABLE certificates_default PARTITION OF certificates DEFAULT;
CREATE INDEX certificates_by_device ON certificates (device_uid, serial)
  WHERE device_uid IS NOT NULL;
CREATE TRIGGER certificates_append_only
  BEFORE UPDATE OR DELETE ON certificates
  FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TRIGGER certificates_keep
  BEFORE TRUNCATE ON certificates
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
SELECT refuse_truncate('certificates_default');

CREATE TABLE revocations (
  serial           bytea       NOT NULL PRIMARY KEY CHECK (length(serial) = 16),
  issuer_id        text        NOT NULL,
  crl_shard        integer     NOT NULL,
  not_after        timestamptz NOT NULL,           -- the certificate's
  -- held, revoked, released
  state            smallint    NOT NULL CHECK (state BETWEEN 1 AND 3),
  reason           smallint    NOT NULL
                   CHECK (reason BETWEEN 0 AND 10 AND reason NOT IN (7, 8)),
  actor            text        NOT NULL,
  version          bigint      NOT NULL DEFAULT 2, -- 1 is the certificate unrevoked
  revoke_time      timestamptz NOT NULL,
  invalidity_time  timestamptz,
  update_time      timestamptz NOT NULL,
  CHECK ((state = 1) = (reason = 6) OR state = 3)
);
CREATE INDEX revocations_by_shard ON revocations (issuer_id, crl_shard, update_time);

-- A device may be decommissioned while a certificate for one of its keys is on its
-- way: admitted, signed, not recorded yet. Such a certificate is born revoked. The
-- lock on the key makes the two transactions wait for each other, whichever is
-- first. The CA may neither read keys nor revoke, so this runs as the owner.
CREATE FUNCTION revoke_certificates_of_retired_keys()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  late record;
  id bytea;
  canonical text;
BEGIN
  PERFORM FROM fresh f JOIN keys k ON k.spki_sha256 = f.spki_sha256 FOR SHARE OF k;
  FOR late IN
    INSERT INTO revocations
      (serial, issuer_id, crl_shard, not_after, state, reason, actor,
       revoke_time, update_time)
    SELECT f.serial, f.issuer_id, f.crl_shard, f.not_after, 2, 5,
           'birthmark:retired-key', f.create_time, f.create_time
    FROM fresh f JOIN keys k ON k.spki_sha256 = f.spki_sha256
    WHERE k.serial = f.serial AND k.state <> 1
    RETURNING serial, issuer_id, actor, date_trunc('milliseconds', revoke_time) AS t
  LOOP
    -- A UUIDv7, and the canonical bytes as docs/audit_format.md has them.
    id := substring(int8send((extract(epoch FROM late.t) * 1000)::bigint) FROM 3)
          || substring(uuid_send(gen_random_uuid()) FROM 7);
    id := set_byte(id, 6, (get_byte(id, 6) & 15) | 112);
    canonical := format(
      '{"action":"certificate.revoke","actor":"%s",'
      '"details":{"reason":"cessationOfOperation"},"id":"%s",'
      '"resource":"issuers/%s/certificates/%s","time":"%s"}',
      late.actor, encode(id, 'hex')::uuid, late.issuer_id,
      encode(late.serial, 'hex'),
      to_char(late.t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'));
    INSERT INTO audit_entries
      (entry_time, entry_id, actor, action, resource, entry, leaf_hash)
    VALUES (late.t, encode(id, 'hex')::uuid, late.actor, 'certificate.revoke',
            format('issuers/%s/certificates/%s', late.issuer_id,
                   encode(late.serial, 'hex')),
            canonical, sha256('\x00'::bytea || convert_to(canonical, 'UTF8')));
  END LOOP;
  RETURN NULL;
END
$$;
CREATE TRIGGER certificates_of_retired_keys
  AFTER INSERT ON certificates REFERENCING NEW TABLE AS fresh
  FOR EACH STATEMENT EXECUTE FUNCTION revoke_certificates_of_retired_keys();

-- One row a shard: the row lock makes the number rise by one.
CREATE TABLE crls (
  issuer_id    text        NOT NULL,
  crl_shard    integer     NOT NULL CHECK (crl_shard >= 0),
  number       bigint      NOT NULL CHECK (number > 0),
  this_update  timestamptz NOT NULL,
  next_update  timestamptz NOT NULL,
  -- Every revocation committed before it was built is on it.
  entries      integer     NOT NULL,
  crl_der      bytea       NOT NULL,
  PRIMARY KEY (issuer_id, crl_shard, number)
);

GRANT SELECT, INSERT ON certificates TO birthmark_ca;
GRANT SELECT ON certificates TO birthmark_registration, birthmark_inventory;
GRANT SELECT ON revocations TO birthmark_ca;
GRANT SELECT, INSERT, UPDATE ON revocations
  TO birthmark_registration, birthmark_inventory;
GRANT SELECT, INSERT ON crls TO birthmark_ca;
