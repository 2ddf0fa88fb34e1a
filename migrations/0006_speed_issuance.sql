-- What issuance paid for and did not need: a third of its cost in the database.
-- docs/decisions/0005-no-foreign-keys-on-the-hot-path.md.

-- Foreign keys of the tables that grow with every device cost a look-up and a row
-- lock for each row. What they guaranteed holds without them: rows are never
-- deleted (no role has the right), and whoever writes a row writes what it refers
-- to in the same transaction, or has read it there.
ALTER TABLE devices
  DROP CONSTRAINT devices_fleet_id_fkey,
  DROP CONSTRAINT devices_fleet_id_line_id_fkey;
ALTER TABLE keys DROP CONSTRAINT keys_device_uid_fkey;
ALTER TABLE batch_items
  DROP CONSTRAINT batch_items_batch_key_fkey,
  DROP CONSTRAINT batch_items_device_uid_fkey;
ALTER TABLE device_events DROP CONSTRAINT device_events_device_uid_fkey;

-- Each check of a row costs a tenth of a microsecond, a regular expression as much as
-- an index. The database keeps those of states and of what has a fixed size: keys,
-- hashes, serial numbers. The form of texts is the services' to check.
ALTER TABLE devices
  DROP CONSTRAINT devices_model_check,
  DROP CONSTRAINT devices_serial_number_check,
  DROP CONSTRAINT devices_hardware_revision_check;
ALTER TABLE batch_items DROP CONSTRAINT batch_items_item_id_check;
ALTER TABLE device_events DROP CONSTRAINT device_events_kind_check;
ALTER TABLE certificates
  DROP CONSTRAINT certificates_issuer_id_check,
  DROP CONSTRAINT certificates_profile_version_check,
  DROP CONSTRAINT certificates_crl_shard_check;
ALTER TABLE audit_entries
  DROP CONSTRAINT audit_entries_action_check,
  DROP CONSTRAINT audit_entries_actor_check,
  DROP CONSTRAINT audit_entries_resource_check;
ALTER TABLE keys DROP CONSTRAINT keys_bits_check;

-- Identifiers are compared octet by octet, whatever the database's locale: that is
-- quicker, and it is the order in which the services take their locks.
ALTER TABLE devices
  ALTER COLUMN fleet_id TYPE text COLLATE "C",
  ALTER COLUMN model TYPE text COLLATE "C",
  ALTER COLUMN serial_number TYPE text COLLATE "C";
ALTER TABLE batch_items ALTER COLUMN item_id TYPE text COLLATE "C";

-- The log is written all the time and searched by resource hardly ever; a device's
-- history is in device_events.
DROP INDEX audit_entries_by_resource;

-- A statement that inserts keys prepares each partition that it comes to, with all
-- constraints, and a micro-batch comes to all: four partitions instead of sixteen.
CREATE TABLE keys_in_four
  (LIKE keys INCLUDING CONSTRAINTS INCLUDING DEFAULTS)
  PARTITION BY HASH (spki_sha256);
DO $$
BEGIN
  FOR i IN 0 .. 3 LOOP
    EXECUTE format('CREATE TABLE keys_of_four_%s PARTITION OF keys_in_four '
                   'FOR VALUES WITH (MODULUS 4, REMAINDER %s)', i, i);
  END LOOP;
END
$$;
INSERT INTO keys_in_four SELECT * FROM keys;
DROP TABLE keys;
ALTER TABLE keys_in_four RENAME TO keys;
ALTER TABLE keys ADD PRIMARY KEY (spki_sha256);
CREATE INDEX keys_by_device ON keys (device_uid, create_time);
GRANT SELECT, INSERT ON keys TO birthmark_registration;
GRANT SELECT ON keys TO birthmark_inventory;
GRANT UPDATE (state, retire_time) ON keys TO birthmark_inventory;

-- A key may be retired while its certificate is on its way: reserved, signed, not
-- recorded yet. Such a certificate is born revoked. Who retires keys waits until
-- the certificates that are being recorded are committed, and so knows for each key
-- whether it has its certificate; those that have none are noted here, which
-- happens hardly ever. Who records certificates waits for those who retire keys, and
-- sees the notes. One lock for all keys, shared by those who record.
CREATE TABLE keys_retired_uncertified (
  serial       bytea  NOT NULL PRIMARY KEY CHECK (length(serial) = 16),
  spki_sha256  bytea  NOT NULL CHECK (length(spki_sha256) = 32)
);

CREATE FUNCTION note_retired_key() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(16973, 1);
  INSERT INTO keys_retired_uncertified
  SELECT NEW.serial, NEW.spki_sha256
  WHERE NOT EXISTS (SELECT FROM certificates WHERE serial = NEW.serial)
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END
$$;
CREATE TRIGGER keys_retired AFTER UPDATE OF state ON keys
  FOR EACH ROW WHEN (NEW.state <> 1) EXECUTE FUNCTION note_retired_key();
INSERT INTO keys_retired_uncertified
SELECT serial, spki_sha256 FROM keys k
WHERE state <> 1
  AND NOT EXISTS (SELECT FROM certificates c WHERE c.serial = k.serial);

DROP TRIGGER certificates_of_retired_keys ON certificates;
CREATE OR REPLACE FUNCTION revoke_certificates_of_retired_keys()
RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  late record;
  id bytea;
  canonical text;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(16973, 1);
  IF NOT EXISTS (SELECT FROM keys_retired_uncertified) THEN
    RETURN NULL;
  END IF;
  FOR late IN
    INSERT INTO revocations
      (serial, issuer_id, crl_shard, not_after, state, reason, actor,
       revoke_time, update_time)
    SELECT c.serial, c.issuer_id, c.crl_shard, c.not_after, 2, 5,
           'birthmark:retired-key', c.create_time, c.create_time
    FROM keys_retired_uncertified u JOIN certificates c USING (serial)
    RETURNING serial, issuer_id, actor, date_trunc('milliseconds', revoke_time) AS t
  LOOP
    DELETE FROM keys_retired_uncertified WHERE serial = late.serial;
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
  AFTER INSERT ON certificates
  FOR EACH STATEMENT EXECUTE FUNCTION revoke_certificates_of_retired_keys();
