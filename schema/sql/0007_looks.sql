-- Looks at runs that are still to come: a run is not to be looked at twice when the forge answers again (R30).
create index deliveries_looks on deliveries (received_at) where state = 'new' and event_name = 'wake';
