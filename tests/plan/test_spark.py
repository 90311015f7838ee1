"""What of a spark node's settings goes to which master."""

from __future__ import annotations

from penstock.plan.spark import conf_for

CONF = {
    "spark.driver.memory": "1g",
    "spark.executor.cores": "2",
    "spark.executor.instances": "3",
    "spark.dynamicAllocation.enabled": "true",
    "spark.sql.shuffle.partitions": "4",
}


def test_threads_of_one_process_have_no_executors() -> None:
    kept = {"spark.driver.memory": "1g", "spark.sql.shuffle.partitions": "4"}
    assert conf_for(CONF, "local[*]") == conf_for(CONF, "local") == kept


def test_a_standalone_cluster_gives_as_many_executors_as_are_asked_for() -> None:
    assert conf_for(CONF, "spark://127.0.0.1:7077") == {**CONF, "spark.cores.max": "6"}
    assert conf_for({**CONF, "spark.cores.max": "9"}, "spark://127.0.0.1:7077")["spark.cores.max"] == "9"


def test_other_clusters_are_told_all_as_it_stands() -> None:
    assert conf_for(CONF, "yarn") == CONF
