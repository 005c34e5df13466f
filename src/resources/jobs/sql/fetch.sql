-- A job. Its mail is deleted with the user, so a pending job without a mail has failed.
-- $1 tenant_id text
-- $2 job_id text
select j.job_id,
       j.type,
       case when j.status = 'pending'
             and not exists (select from mails m
                              where m.tenant_id = $1
                                and m.job_id = j.job_id)
            then 'failed' else j.status end as status,
       j.details,
       j.created_at
  from jobs j
 where j.tenant_id = $1
   and j.job_id = $2
