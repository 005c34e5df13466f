-- Lists the indexes of metadata paths, which all tenants share. The comment of an index is its path.
select coalesce(obj_description(c.oid, 'pg_class'), c.relname) as path,
       c.relname::text as name,
       i.indisvalid as valid,
       pg_relation_size(c.oid) as bytes
  from pg_index i
  join pg_class c on c.oid = i.indexrelid
 where i.indrelid = 'users'::regclass
   and c.relname like 'users\_search\_%'
 order by path, name
