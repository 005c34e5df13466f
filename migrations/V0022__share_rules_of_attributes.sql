-- Rules of a user's root attributes that several statements apply, as functions that PostgreSQL inlines.

-- The text of an attribute as a user's document shows it. A name or nickname that was not given is computed:
-- of the e-mail address, else the username, else the phone number.
create function attribute_text(profile jsonb, attribute text) returns text
language sql immutable parallel safe
return coalesce(profile ->> attribute,
                case attribute
                     when 'name' then
                         coalesce(profile ->> 'email', profile ->> 'username', profile ->> 'phone_number', '')
                     when 'nickname' then
                         split_part(coalesce(profile ->> 'email', profile ->> 'username', profile ->> 'phone_number', ''),
                                    '@', 1)
                end);

-- A profile, or the `profileData` of an identity, with attributes set. A new e-mail address or phone number
-- is not verified unless the same change says so.
create function set_attributes(profile jsonb, attributes jsonb) returns jsonb
language sql immutable parallel safe
return profile
    || case when attributes ? 'email'
             and attributes ->> 'email' is distinct from profile ->> 'email'
            then jsonb '{"email_verified": false}' else '{}' end
    || case when attributes ? 'phone_number'
             and attributes ->> 'phone_number' is distinct from profile ->> 'phone_number'
            then jsonb '{"phone_verified": false}' else '{}' end
    || attributes;
