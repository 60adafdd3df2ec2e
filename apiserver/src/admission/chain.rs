//! All plug-ins, one after the other.

use super::meters::{Meters, Step};
use super::seen::Seen;
use super::{
    Admission, AdmissionRequest, Admitted, DefaultTolerationSeconds, DefinitionLifecycle,
    LimitRanger, NamespaceLifecycle, NodeRestriction, Objects, Plugin, Priority, ResourceQuota,
    ServiceAccount, ServiceAllocation, TaintNodesByCondition,
};
use crate::status::Failure;
use crate::storage::Future;
use std::sync::Arc;
use std::time::Instant;

/// Numbers that are equally likely all over their range, for names that plug-ins make up.
pub type Random = Arc<dyn Fn() -> u32 + Send + Sync>;

/// Plug-ins in the order in which they are asked. The first refusal is the answer.
pub struct Chain {
    plugins: Vec<Box<dyn Plugin>>,
    objects: Arc<dyn Objects>,
    meters: Arc<Meters>,
}

impl Chain {
    /// These plug-ins.
    pub fn of(plugins: Vec<Box<dyn Plugin>>, objects: Arc<dyn Objects>) -> Chain {
        let names = plugins.iter().map(|plugin| plugin.name());
        Chain {
            meters: Arc::new(Meters::of(names)),
            plugins,
            objects,
        }
    }

    /// Every plug-in that there is, in upstream's order. What upstream does without a plug-in comes early.
    pub fn standard(objects: Arc<dyn Objects>, random: Random) -> Chain {
        let plugins: Vec<Box<dyn Plugin>> = vec![
            Box::new(NamespaceLifecycle),
            Box::new(DefinitionLifecycle),
            Box::new(LimitRanger),
            Box::new(ServiceAccount {
                random: random.clone(),
            }),
            Box::new(NodeRestriction),
            Box::new(TaintNodesByCondition),
            Box::new(Priority),
            Box::new(DefaultTolerationSeconds),
            Box::new(ServiceAllocation::new(random)),
            Box::new(ResourceQuota),
        ];
        Chain::of(plugins, objects)
    }

    /// How long its plug-ins take.
    pub fn meters(&self) -> Arc<Meters> {
        self.meters.clone()
    }

    /// The names of the plug-ins in order.
    pub fn names(&self) -> Vec<&'static str> {
        self.plugins.iter().map(|plugin| plugin.name()).collect()
    }
}

impl Admission for Chain {
    fn mutate<'a>(
        &'a self,
        request: &'a mut AdmissionRequest,
    ) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(async move {
            let objects = Seen::new(&self.objects, &request.seen);
            let mut admitted = Admitted::default();
            for (place, plugin) in self.plugins.iter().enumerate() {
                if plugin.handles(request) {
                    let (operation, began) = (request.operation, Instant::now());
                    let answer = plugin.mutate(request, &objects).await;
                    let is_rejected = answer.is_err();
                    self.meters
                        .answered(place, Step::Mutate, operation, is_rejected, began);
                    admitted.append(answer?);
                }
            }
            Ok(for_real(request, admitted))
        })
    }

    fn validate<'a>(
        &'a self,
        request: &'a AdmissionRequest,
    ) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(async move {
            let objects = Seen::new(&self.objects, &request.seen);
            let mut admitted = Admitted::default();
            for (place, plugin) in self.plugins.iter().enumerate() {
                if plugin.handles(request) {
                    let (operation, began) = (request.operation, Instant::now());
                    let answer = plugin.validate(request, &objects).await;
                    let is_rejected = answer.is_err();
                    self.meters
                        .answered(place, Step::Validate, operation, is_rejected, began);
                    admitted.append(answer?);
                }
            }
            Ok(for_real(request, admitted))
        })
    }

    fn release<'a>(
        &'a self,
        request: &'a AdmissionRequest,
    ) -> Future<'a, Result<Admitted, Failure>> {
        Box::pin(async move {
            let mut admitted = Admitted::default();
            for plugin in &self.plugins {
                admitted.append(plugin.release(request, &*self.objects).await?);
            }
            Ok(for_real(request, admitted))
        })
    }
}

/// Where nothing is stored, nothing is guarded or written either.
fn for_real(request: &AdmissionRequest, mut admitted: Admitted) -> Admitted {
    if request.is_dry_run {
        admitted.guards.clear();
        admitted.writes.clear();
    }
    admitted
}
