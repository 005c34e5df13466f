-- The version of the last applied migration.
select max(version) from refinery_schema_history
