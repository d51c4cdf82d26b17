-- The tables as releases before versions made them, and a row in some of them.
-- {moment}, {number}, {counter} and {yes} are the database's own words.

CREATE TABLE window_history (
    problem TEXT NOT NULL, "window" TEXT NOT NULL, model_version TEXT NOT NULL, revision
    BIGINT NOT NULL, window_index BIGINT, start {moment}, "end" {moment}, status TEXT, n
    BIGINT, n_labelled BIGINT, seen_as_of {moment}, features_fingerprint TEXT,
    labels_fingerprint TEXT, level_factor {number}, rmse {number}, mae {number}, wape
    {number}, r2 {number}, rmsle {number}, bias {number}, mean_error {number}, baseline_rmse
    {number}, baseline_mae {number}, sum_target {number}, sum_prediction {number},
    sum_raw_prediction {number}, coverage {number}, interval_width {number}, worst_segment
    TEXT, worst_segment_rmse {number}, most_biased_segment TEXT, most_biased_segment_bias
    {number}, n_drift_columns BIGINT, n_drifted BIGINT, drifted_share {number},
    drifted_columns TEXT, n_missing_rows BIGINT, n_rejected BIGINT, missing_share {number},
    alarms TEXT, recorded_at TEXT, PRIMARY KEY (problem, "window", model_version, revision)
);

CREATE TABLE drift_history (
    problem TEXT NOT NULL, "window" TEXT NOT NULL, model_version TEXT NOT NULL, "column" TEXT
    NOT NULL, window_index BIGINT, start {moment}, kind TEXT, role TEXT, method TEXT, score
    {number}, threshold {number}, drifted BOOLEAN, reason TEXT, n_reference BIGINT, n_current
    BIGINT, recorded_at TEXT, PRIMARY KEY (problem, "window", model_version, "column")
);

CREATE TABLE segment_history (
    problem TEXT NOT NULL, "window" TEXT NOT NULL, model_version TEXT NOT NULL, segment TEXT
    NOT NULL, value TEXT NOT NULL, window_index BIGINT, start {moment}, n BIGINT, rmse
    {number}, bias {number}, sum_target {number}, sum_prediction {number}, recorded_at TEXT,
    PRIMARY KEY (problem, "window", model_version, segment, value)
);

CREATE TABLE predictions (
    problem TEXT NOT NULL, row_key TEXT NOT NULL, model_version TEXT NOT NULL, timestamp
    {moment}, "window" TEXT, window_index BIGINT, raw_prediction {number}, level_factor
    {number}, prediction {number}, lower {number}, upper {number}, baseline {number}, target
    {number}, recorded_at TEXT, PRIMARY KEY (problem, row_key, model_version)
);

CREATE TABLE backtest_history (
    policy TEXT NOT NULL, "window" TEXT NOT NULL, window_index BIGINT, start {moment}, "end"
    {moment}, status TEXT, n BIGINT, model_version TEXT, model_age_windows BIGINT,
    level_factor {number}, rmse {number}, mae {number}, rmsle {number}, bias {number},
    coverage {number}, baseline_rmse {number}, drifted_share {number}, decision TEXT, gate
    TEXT, promoted BOOLEAN, alarms TEXT, reasons TEXT, recorded_at TEXT, PRIMARY KEY (policy,
    "window")
);

CREATE TABLE backtest_summary (
    policy TEXT NOT NULL, description TEXT, n_windows BIGINT, n BIGINT, rmse {number}, mae
    {number}, rmsle {number}, bias {number}, coverage {number}, retrains BIGINT, refused
    BIGINT, fit_cpu_seconds {number}, recorded_at TEXT, PRIMARY KEY (policy)
);

CREATE TABLE sent_alerts (
    alert_key TEXT NOT NULL, "window" TEXT NOT NULL, channel TEXT NOT NULL, problem TEXT, as_of
    {moment}, level TEXT, title TEXT, text TEXT, details TEXT, status TEXT, error TEXT,
    attempts BIGINT, recorded_at TEXT, PRIMARY KEY (alert_key, "window", channel)
);

CREATE TABLE ledger (
    position {counter} NOT NULL, decision_id VARCHAR(64) NOT NULL, recorded_at VARCHAR(40) NOT
    NULL, problem TEXT, kind TEXT, decision TEXT, reasons TEXT, opponent TEXT,
    candidate_fingerprint TEXT, data_fingerprint TEXT, candidate_version TEXT,
    champion_version_before TEXT, judged_from TEXT, judged_until TEXT, metrics TEXT, checks
    TEXT, run_id TEXT, as_of TEXT, "window" TEXT, actor TEXT, note TEXT, policy TEXT,
    challenger_fingerprint TEXT, PRIMARY KEY (position), UNIQUE (decision_id)
);

INSERT INTO window_history (
    problem, "window", model_version, revision, window_index, start, n, rmse, status, alarms,
    recorded_at
) VALUES (
    'tiny', 'w7', '3', 0, 7, '2021-02-22 00:00:00.000000', 168, 4.25, 'complete', 'drift', 'then'
);

INSERT INTO drift_history (problem, "window", model_version, "column", drifted, score, recorded_at)
VALUES ('tiny', 'w7', '3', 'temp', {yes}, 0.5, 'then');

INSERT INTO predictions (
    problem, row_key, model_version, timestamp, "window", window_index, prediction, target,
    recorded_at
) VALUES (
    'tiny', '2021-02-22|1', '3', '2021-02-22 01:00:00.000000', 'w7', 7, 12.5, 13.0, 'then'
);

INSERT INTO ledger (decision_id, recorded_at, kind, decision, reasons)
VALUES ('id-1', 'then', 'gate', 'promote', 'better; and said so');
