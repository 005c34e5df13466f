-- Claims mails that are due, of one tenant or of all in turn, and counts the attempt. `next_attempt_at` is the
-- lease: another worker can claim the mail after it. Mails that another worker is claiming are skipped.
-- $1 now timestamptz
-- $2 leased_until timestamptz
-- $3 limit bigint
-- $4 tenant_id text: or null for all tenants
-- $5 after text: the tenant before the first one in turn
with recursive turn as (
    select min(m.tenant_id) as tenant_id
      from mails m
     where m.sent_at is null
       and m.failed_at is null
       and m.next_attempt_at <= $1
       and m.tenant_id > $5
       and ($4::text is null or m.tenant_id = $4)
     union all
    select (select min(m.tenant_id)
              from mails m
             where m.sent_at is null
               and m.failed_at is null
               and m.next_attempt_at <= $1
               and m.tenant_id > t.tenant_id
               and ($4::text is null or m.tenant_id = $4))
      from turn t
     where t.tenant_id is not null
), due as (
    select m.tenant_id,
           m.mail_id
      from (select tenant_id from turn limit $3) t
     cross join lateral (
               select m.tenant_id,
                      m.mail_id
                 from mails m
                where m.tenant_id = t.tenant_id
                  and m.sent_at is null
                  and m.failed_at is null
                  and m.next_attempt_at <= $1
                order by m.next_attempt_at
                limit $3
                  for update skip locked) m
     limit $3
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
