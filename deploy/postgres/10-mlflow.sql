-- Runs once, when the volume is empty. The loop's own database is POSTGRES_DB.
CREATE DATABASE mlflow;
