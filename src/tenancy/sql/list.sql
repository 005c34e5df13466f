-- A page of all tenants, in the order of their names.
-- $1 after text: the last name of the previous page, or an empty text
-- $2 limit bigint
select t.tenant_id as name,
       t.settings ->> 'domain' as domain,
       t.created_at
  from tenants t
 where t.tenant_id > $1
 order by t.tenant_id
 limit $2
