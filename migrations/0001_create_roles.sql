-- One database role per service, with no rights but those that later migrations
-- grant table by table. Roles belong to the whole cluster, so they may exist.
DO $$
DECLARE
  service_role text;
BEGIN
  FOREACH service_role IN ARRAY ARRAY['birthmark_ca', 'birthmark_registration',
                                      'birthmark_inventory'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = service_role) THEN
      EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE',
                     service_role);
    END IF;
  END LOOP;
END
$$;

-- Nobody but the owner may create anything.
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public
  TO birthmark_ca, birthmark_registration, birthmark_inventory;

-- A server refuses to start on a schema that it does not know.
GRANT SELECT ON schema_migrations
  TO birthmark_ca, birthmark_registration, birthmark_inventory;
