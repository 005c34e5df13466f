-- Collects statistics on the expressions of new indexes of `users`.
analyze users
