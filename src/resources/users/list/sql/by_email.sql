-- Users with an e-mail address, in the order of creation.
-- The index identities_email_key proposes users; the document decides, so that a linked identity neither
-- finds a user by another address nor finds it twice.
-- $1 tenant_id text
-- $2 email text
select u.user_id,
       u.profile::text,
       u.identities::text,
       u.user_metadata::text,
       u.app_metadata::text,
       u.version,
       u.created_at,
       u.updated_at
  from users u
 where u.tenant_id = $1
   and u.user_id in (
           select i.user_id
             from identities i
            where i.tenant_id = $1
              and i.email = $2)
   and u.profile ->> 'email' = $2
 order by u.created_at,
          u.user_id
