-- Workers take mails of tenants in turn, and the status of a job follows its mail.
create index mails_tenant_due_idx on mails (tenant_id, next_attempt_at) where sent_at is null and failed_at is null;
drop index mails_due_idx;
create index mails_job_idx on mails (tenant_id, job_id) where job_id is not null;
