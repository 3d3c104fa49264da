-- depends_on: {{ ref('indicator_windows') }}
-- depends_on: {{ ref('indicator_durations') }}
-- depends_on: {{ ref('theme_windows') }}
/*
    Grain: one row per month and source of figures. Key: period, source.
    month_contents as they were when the last build of the indicators ran to its end. Emptied while one is under way.
*/
select
    period,
    source,
    content,
    build
from {{ ref('month_contents') }}
