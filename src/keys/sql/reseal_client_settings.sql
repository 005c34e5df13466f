-- Replaces values of clients.secrets that still equal the value that was opened.
-- Versions and entity tags stay. A journal row for each tenant.
-- $1 row_key text[]: primary keys, an array literal each
-- $2 sealed bytea[]: the values that were opened
-- $3 resealed bytea[]: the same secrets, sealed by the present key
-- $4 key_id text: the id of the present key
-- $5 author text: a journal_author
with resealed as (
    update clients t
       set secrets = v.resealed
      from unnest($1::text[], $2::bytea[], $3::bytea[]) as v(row_key, sealed, resealed)
     where t.tenant_id = (v.row_key::text[])[1]
       and t.client_id = (v.row_key::text[])[2]
       and t.secrets = v.sealed
 returning t.tenant_id
), journal_entry as (
    insert into journal (tenant_id, kind, subject, changes, actor, client_id, request_id, ip, user_agent)
    select tenant_id,
           'tenant.secrets_resealed',
           tenant_id,
           jsonb_build_object(
               'column', jsonb_build_object('after', 'clients.secrets'),
               'key_id', jsonb_build_object('after', $4::text),
               'count', jsonb_build_object('after', count(*))
           ),
           ($5::journal_author).*
      from resealed
     group by tenant_id
)
select count(*) as resealed_values
  from resealed
