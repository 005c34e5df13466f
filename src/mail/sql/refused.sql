with refused as (
             update mails
                set last_error = $4,
                    next_attempt_at = coalesce($5, next_attempt_at),
                    failed_at = case when $5::timestamptz is null then $6::timestamptz end,
                    content = case when $5 is not null then content end
              where tenant_id = $1
                and mail_id = $2
                and attempts = $3
                and sent_at is null
          returning tenant_id, job_id, failed_at
         )
         update jobs j
            set status = 'failed',
                updated_at = $6
           from refused r
          where j.tenant_id = r.tenant_id
            and j.job_id = r.job_id
            and r.failed_at is not null
