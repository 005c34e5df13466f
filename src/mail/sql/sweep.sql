-- Deletes up to a thousand tickets that ended before a time. The foreign key deletes their mails. Tickets
-- that are in use are skipped until the next run.
-- $1 before timestamptz
delete from tickets
 where ctid = any(array(
           select ctid
             from tickets
            where expires_at < $1
            order by expires_at
            limit 1000
              for update skip locked
       ))
