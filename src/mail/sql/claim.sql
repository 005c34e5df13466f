-- Claims mails that are due, of one tenant or of all, and counts the attempt. `next_attempt_at` is the lease:
-- another worker can claim the mail after it. Mails that another worker is claiming are skipped.
-- $1 now timestamptz
-- $2 leased_until timestamptz
-- $3 limit bigint
-- $4 tenant_id text: or null for all tenants
with due as (
    select m.tenant_id,
           m.mail_id
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
  from due d
 where m.tenant_id = d.tenant_id
   and m.mail_id = d.mail_id
returning m.tenant_id,
          m.mail_id,
          m.recipient,
          m.subject,
          m.content,
          m.expires_at,
          m.attempts
