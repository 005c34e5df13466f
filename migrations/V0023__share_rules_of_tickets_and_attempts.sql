-- Rules that several statements of tickets, jobs, logins and user blocks apply, as functions that PostgreSQL inlines.

-- Is this the primary identity of the user? The id of a user is made of the primary identity.
create function is_primary_identity(provider text, identity_id text, user_id text) returns boolean
language sql immutable parallel safe
return provider || '|' || identity_id = user_id;

-- The e-mail address of an identity. The address of the primary identity is the user's own.
create function identity_email(provider text, identity_id text, email text, user_id text, profile jsonb) returns text
language sql immutable parallel safe
return case when is_primary_identity(provider, identity_id, user_id) then profile ->> 'email' else email end;

-- The failed attempts that a row of `login_attempts` allows. The row without an IP address counts those of all addresses.
create function attempt_limit(ip text) returns integer
language sql immutable parallel safe
return case ip when '' then 100 else 10 end;

-- Is a row of `login_attempts` so old that it neither counts nor blocks?
create function attempts_lapsed(ip text, attempted_at timestamptz) returns boolean
language sql stable parallel safe
return attempted_at < now() - case ip when '' then interval '1 day' else interval '30 days' end;
