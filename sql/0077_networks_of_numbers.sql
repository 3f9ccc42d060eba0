-- Whether any number stands in the table for a network: asked when an order or a sender names one.
create index number_network_by_network on number_network (network collate "C") where network is not null;
