update connection_deletions set due_at = $3 where tenant_id = $1 and connection_id = $2
