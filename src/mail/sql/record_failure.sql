-- Records a failed attempt to send a mail. Without a next attempt the mail is given up: its content is erased
-- and its job fails. The number of the attempt is a condition, so that a worker whose lease ended cannot undo
-- what happened since.
-- $1 tenant_id text
-- $2 mail_id text
-- $3 attempts integer
-- $4 reason text
-- $5 next_attempt_at timestamptz: null gives the mail up
-- $6 now timestamptz
with failed as (
    update mails
       set last_error = $4,
           next_attempt_at = coalesce($5, next_attempt_at),
           failed_at = case when $5::timestamptz is null then $6::timestamptz end,
           content = case when $5 is not null then content end
     where tenant_id = $1
       and mail_id = $2
       and attempts = $3
       and sent_at is null
 returning job_id,
           failed_at
)
update jobs j
   set status = 'failed',
       updated_at = $6
  from failed f
 where j.tenant_id = $1
   and j.job_id = f.job_id
   and f.failed_at is not null
