select from connections where tenant_id = $1 and name = $2 for update
