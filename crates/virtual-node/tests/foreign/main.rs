//! The end-to-end suite of `github.com/virtual-kubelet/virtual-kubelet`, against the mock provider and a real control
//! plane.

#[cfg(test)]
mod stage;
#[cfg(test)]
mod tunnel;

#[cfg(test)]
mod tests {
    use super::stage::Stage;

    /// What the suite has, so that one that shrinks is noticed.
    const TESTS: [&str; 9] = [
        "TestCreatePodWithMandatoryInexistentConfigMap",
        "TestCreatePodWithMandatoryInexistentSecrets",
        "TestCreatePodWithOptionalInexistentConfigMap",
        "TestCreatePodWithOptionalInexistentSecrets",
        "TestGetMetricsResource",
        "TestGetPods",
        "TestGetStatsSummary",
        "TestPodLifecycleForceDelete",
        "TestPodLifecycleGracefulDelete",
    ];

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_suite_for_virtual_kubelets_passes() {
        let stage = Stage::start().await;
        let told = stage.run_suite().await;
        for test in TESTS {
            let passed = format!("--- PASS: TestEndToEnd/{test} ");
            assert!(told.contains(&passed), "{test} has not passed:\n{told}");
        }
        assert!(!told.contains("--- SKIP"), "{told}");
        assert_eq!(told.matches("--- PASS: TestEndToEnd/").count(), TESTS.len(), "{told}");
        stage.kubectl_sees_every_container().await;
    }
}
