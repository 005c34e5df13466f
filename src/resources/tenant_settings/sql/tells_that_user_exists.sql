select coalesce((tenant_settings #>> '{flags,enable_public_signup_user_exists_error}')::boolean, true)
       from tenants
      where tenant_id = $1
