-- Whether the migration history exists; it does not before the first migration.
select to_regclass('refinery_schema_history') is not null
