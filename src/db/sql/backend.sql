-- The process that runs the session, and the session's time limit of a statement in milliseconds.
select pg_backend_pid(),
       s.setting::bigint
  from pg_settings s
 where s.name = 'statement_timeout'
