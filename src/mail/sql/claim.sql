with due as (
             select m.tenant_id, m.mail_id
               from mails m
              where m.sent_at is null
                and m.failed_at is null
                and m.next_attempt_at <= $1
                and ($4::text is null or m.tenant_id = $4)
              order by m.next_attempt_at
              limit $3
                for update skip locked
         )
         update mails m
            set attempts = m.attempts + 1,
                next_attempt_at = $2
           from due
          where m.tenant_id = due.tenant_id
            and m.mail_id = due.mail_id
      returning m.tenant_id, m.mail_id, m.recipient, m.subject, m.content, m.expires_at, m.attempts
