"""Money: a charge for every closed session, its payment, what is given back, and the double entry of it all."""
