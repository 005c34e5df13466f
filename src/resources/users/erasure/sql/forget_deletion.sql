delete from connection_deletions where tenant_id = $1 and connection_id = $2
