select from clients where tenant_id = $1 and client_id = $2 for update
