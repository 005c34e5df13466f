-- The process that serves the session.
select pg_backend_pid()
