-- The different origins that the clients of a tenant list, in their order, up to a limit. Each one is one probe of the
-- primary key, however many clients list it.
-- $1 tenant_id text
-- $2 limit bigint
with recursive listed as (
    (select o.origin
       from client_origins o
      where o.tenant_id = $1
      order by o.origin
      limit 1)
     union all
    select (select o.origin
              from client_origins o
             where o.tenant_id = $1
               and o.origin > l.origin
             order by o.origin
             limit 1)
      from listed l
     where l.origin is not null
)
select l.origin
  from listed l
 where l.origin is not null
 limit $2
