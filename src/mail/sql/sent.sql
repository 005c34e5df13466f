with sent as (
             update mails
                set sent_at = $3,
                    failed_at = null,
                    content = null,
                    last_error = null
              where tenant_id = $1
                and mail_id = $2
          returning tenant_id, job_id
         )
         update jobs j
            set status = 'completed',
                updated_at = $3
           from sent
          where j.tenant_id = sent.tenant_id
            and j.job_id = sent.job_id
