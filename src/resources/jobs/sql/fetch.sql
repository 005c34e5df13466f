-- A job.
-- $1 tenant_id text
-- $2 job_id text
select job_id,
       type,
       status,
       details,
       created_at
  from jobs
 where tenant_id = $1
   and job_id = $2
