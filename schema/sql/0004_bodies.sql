-- pglz takes longer than all the rest of storing a webhook; lz4 takes a fraction of it for the same size.
-- Servers built without it, and those older than PostgreSQL 14, go on with what they have.
do $$
begin
  execute 'alter table deliveries alter column body set compression lz4';
exception when feature_not_supported or syntax_error then
  null;
end $$;
