//! The standard gRPC health service. As etcd's, it knows one service, the empty name.

use super::front::Front;
use futures::stream::{self, BoxStream, StreamExt};
use keelson_proto::health::health_check_response::ServingStatus;
use keelson_proto::health::health_server::Health;
use keelson_proto::health::{HealthCheckRequest, HealthCheckResponse};
use tonic::{Request, Response, Status};

#[tonic::async_trait]
impl Health for Front {
    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        match status(&request.into_inner().service) {
            ServingStatus::Serving => Ok(Response::new(response(ServingStatus::Serving))),
            _ => Err(Status::not_found("unknown service")),
        }
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let first = response(status(&request.into_inner().service));
        // It serves until it ends; the end of the stream says that.
        let answers = stream::once(std::future::ready(Ok(first))).chain(stream::pending());
        Ok(Response::new(answers.boxed()))
    }
}

fn status(service: &str) -> ServingStatus {
    match service {
        "" => ServingStatus::Serving,
        _ => ServingStatus::ServiceUnknown,
    }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status as i32,
    }
}
