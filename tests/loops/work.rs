//! What users do while a cluster is struck: rolling updates, other numbers of Pods, Jobs.

use keelson_kit::check::Check;
use keelson_kit::kubectl::Kubectl;

/// Five such Pods fill one of the six nodes, and with its surge all of this nearly fills the cluster.
const REQUESTS: &str = "--requests=cpu=6";
/// One is updated, the other has its number changed.
const DEPLOYMENTS: [&str; 2] = ["deployment/web", "deployment/free"];

/// Makes two Deployments and waits until they are complete.
pub async fn begin(kubectl: &Kubectl) -> Check {
    for name in ["web", "free"] {
        let image = "--image=nginx:1.0";
        let made = ["create", "deployment", name, image, "--replicas=10"];
        once(kubectl.anywhere(&made).await)?;
    }
    for deployment in DEPLOYMENTS {
        let arguments = ["set", "resources", deployment, REQUESTS];
        kubectl.anywhere(&arguments).await?;
    }
    are_done(kubectl, 0).await
}

/// What users do in one round.
pub async fn change(kubectl: &Kubectl, round: usize) -> Check {
    let image = format!("nginx=nginx:1.{}", round + 1);
    let replicas = format!("--replicas={}", [12, 8, 15, 10][round % 4]);
    let job = format!("job-{round}");
    kubectl
        .anywhere(&["set", "image", "deployment/web", &image])
        .await?;
    kubectl
        .anywhere(&["scale", "deployment/free", &replicas])
        .await?;
    let made = ["create", "job", &job, "--image=x", "--", "true"];
    once(kubectl.anywhere(&made).await)
}

/// Waits until all that was asked for in so many rounds is there.
pub async fn are_done(kubectl: &Kubectl, rounds: usize) -> Check {
    for deployment in DEPLOYMENTS {
        let arguments = ["rollout", "status", deployment, "--timeout=15s"];
        kubectl.anywhere(&arguments).await?;
    }
    for round in 0..rounds {
        let job = format!("job/job-{round}");
        let arguments = ["wait", "--for=condition=complete", &job, "--timeout=15s"];
        kubectl.anywhere(&arguments).await?;
    }
    Ok(())
}

/// What was made may have been asked for twice, when nobody knew what became of the first request.
fn once(made: Check<String>) -> Check {
    match made {
        Err(failure) if !failure.to_string().contains("already exists") => Err(failure),
        _ => Ok(()),
    }
}
