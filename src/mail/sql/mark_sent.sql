-- Marks a mail as sent, erases its content and completes its job. A mail that another worker gave up
-- meanwhile is sent all the same.
-- $1 tenant_id text
-- $2 mail_id text
-- $3 now timestamptz
with sent as (
    update mails
       set sent_at = $3,
           failed_at = null,
           content = null,
           last_error = null
     where tenant_id = $1
       and mail_id = $2
 returning job_id
)
update jobs j
   set status = 'completed',
       updated_at = $3
  from sent s
 where j.tenant_id = $1
   and j.job_id = s.job_id
