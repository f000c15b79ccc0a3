"""One cloud over all facilities: api, link and worker processes over one PostgreSQL, a schema per context."""
