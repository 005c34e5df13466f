select j.job_id, j.type, j.status, j.details, j.created_at
       from jobs j
      where j.tenant_id = $1
        and j.job_id = $2
