select strategy from connections where tenant_id = $1 and connection_id = $2 for update
