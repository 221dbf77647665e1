//! How a component puts its core modules together.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use wasmparser::{
    CanonicalFunction, CanonicalOption, ComponentAlias, ExternalKind, Instance, Parser, Payload,
    TypeRef,
};

use super::Unlinkable;
use super::module::count;

/// The kinds of items that core modules give each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    Func,
    Table,
    Memory,
    Global,
}

impl Kind {
    pub(super) fn of(kind: ExternalKind) -> Result<Self, Unlinkable> {
        match kind {
            ExternalKind::Func | ExternalKind::FuncExact => Ok(Self::Func),
            ExternalKind::Table => Ok(Self::Table),
            ExternalKind::Memory => Ok(Self::Memory),
            ExternalKind::Global => Ok(Self::Global),
            ExternalKind::Tag => Err(Unlinkable::Unknown("they have tags of exceptions")),
        }
    }
}

/// An item by its kind, and by its number in the component.
pub(super) type Item = (Kind, u32);

/// An instance of a core module.
pub(super) enum CoreInstance<'a> {
    /// It was made of a module and what the module imports: instances, by their names.
    Of {
        module: u32,
        args: HashMap<&'a str, u32>,
    },
    /// It consists of items that there are.
    Items(HashMap<&'a str, Item>),
}

/// Where an item comes from.
#[derive(Clone, Copy)]
pub(super) enum Origin<'a> {
    /// An instance of a module exports it.
    Export(u32, &'a str),
    /// The component makes this function.
    Canonical(u32),
}

/// Where a linked module gets what it imports.
pub(super) enum Source<'a> {
    /// From another one.
    Export(u32, &'a str),
    /// From the component.
    Outside(Item),
}

enum CoreItem<'a> {
    Export(u32, &'a str),
    /// The component makes it of these.
    Canonical(Vec<Item>),
}

/// The core modules of a component, and what connects them.
#[derive(Default)]
pub(super) struct Graph<'a> {
    pub(super) modules: Vec<&'a [u8]>,
    pub(super) instances: Vec<CoreInstance<'a>>,
    items: BTreeMap<Kind, Vec<CoreItem<'a>>>,
    /// What functions of the component are made of.
    lifted: Vec<Item>,
    /// Modules with a table of their own that is filled later. One module has one table.
    with_own_table: BTreeSet<u32>,
}

impl<'a> Graph<'a> {
    pub(super) fn read(component: &'a [u8]) -> Result<Self, Unlinkable> {
        let mut graph = Self::default();
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(component) {
            match payload? {
                Payload::Version { encoding, .. }
                    if depth == 0 && encoding != wasmparser::Encoding::Component =>
                {
                    return Err(Unlinkable::Unknown("they are in no component"));
                }
                Payload::ModuleSection {
                    unchecked_range, ..
                } => {
                    if depth == 0 {
                        let bytes = component.get(unchecked_range);
                        let bytes = bytes.ok_or(Unlinkable::Unknown("a module is cut off"))?;
                        if has_own_table(bytes)? {
                            graph.with_own_table.insert(count(graph.modules.len()));
                        }
                        graph.modules.push(bytes);
                    }
                    depth += 1;
                }
                Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                payload if depth == 0 => graph.take(payload)?,
                _ => {}
            }
        }
        Ok(graph)
    }

    fn take(&mut self, payload: Payload<'a>) -> Result<(), Unlinkable> {
        match payload {
            Payload::InstanceSection(section) => {
                for instance in section {
                    let instance = self.instance(instance?)?;
                    self.instances.push(instance);
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    self.alias(alias?)?;
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section {
                    let function = function?;
                    let uses = uses(&function)?;
                    match function {
                        CanonicalFunction::Lift { .. } => self.lifted.extend(uses),
                        _ => self.push(Kind::Func, CoreItem::Canonical(uses)),
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn instance(&self, instance: Instance<'a>) -> Result<CoreInstance<'a>, Unlinkable> {
        Ok(match instance {
            Instance::Instantiate { module_index, args } => {
                if module_index as usize >= self.modules.len() {
                    return Err(Unlinkable::Unknown("one comes from outside"));
                }
                CoreInstance::Of {
                    module: module_index,
                    args: args.iter().map(|arg| (arg.name, arg.index)).collect(),
                }
            }
            Instance::FromExports(exports) => {
                let items = exports.iter().map(|export| {
                    let kind = Kind::of(export.kind)?;
                    Ok((export.name, (kind, export.index)))
                });
                CoreInstance::Items(items.collect::<Result<_, Unlinkable>>()?)
            }
        })
    }

    fn alias(&mut self, alias: ComponentAlias<'a>) -> Result<(), Unlinkable> {
        match alias {
            ComponentAlias::CoreInstanceExport {
                kind,
                instance_index,
                name,
            } => {
                let item = CoreItem::Export(instance_index, name);
                self.push(Kind::of(kind)?, item);
                Ok(())
            }
            ComponentAlias::Outer {
                kind: wasmparser::ComponentOuterAliasKind::CoreModule,
                ..
            } => Err(Unlinkable::Unknown("one comes from outside")),
            _ => Ok(()),
        }
    }

    fn push(&mut self, kind: Kind, item: CoreItem<'a>) {
        self.items.entry(kind).or_default().push(item);
    }

    /// Returns where an item comes from.
    pub(super) fn origin(&self, (kind, index): Item) -> Result<Origin<'a>, Unlinkable> {
        let items = self.items.get(&kind).map_or(&[][..], |items| items);
        match items.get(index as usize) {
            Some(CoreItem::Export(instance, name)) => self.export(*instance, name),
            Some(CoreItem::Canonical(_)) => Ok(Origin::Canonical(index)),
            None => Err(Unlinkable::Unknown("an item is missing")),
        }
    }

    /// Returns where what an instance exports comes from.
    fn export(&self, instance: u32, name: &'a str) -> Result<Origin<'a>, Unlinkable> {
        match self.instances.get(instance as usize) {
            Some(CoreInstance::Of { .. }) => Ok(Origin::Export(instance, name)),
            // Only earlier instances are named, so this ends.
            Some(CoreInstance::Items(items)) => match items.get(name) {
                Some(item) => self.origin(*item),
                None => Err(Unlinkable::Unknown("an export is missing")),
            },
            None => Err(Unlinkable::Unknown("an instance is missing")),
        }
    }

    /// Returns where a module gets what it imports.
    pub(super) fn source(&self, arg: u32, name: &'a str) -> Result<Source<'a>, Unlinkable> {
        let instance = self.instances.get(arg as usize);
        if let Some(CoreInstance::Items(items)) = instance
            && let Some(item) = items.get(name)
        {
            return Ok(match self.origin(*item)? {
                Origin::Export(instance, name) if !self.is_early(instance) => {
                    Source::Export(instance, name)
                }
                _ => Source::Outside(*item),
            });
        }
        match self.export(arg, name)? {
            Origin::Export(instance, name) if !self.is_early(instance) => {
                Ok(Source::Export(instance, name))
            }
            _ => Err(Unlinkable::Unknown("an import has no number")),
        }
    }

    /// Tells whether an instance needs nothing and stays by itself.
    fn is_early(&self, instance: u32) -> bool {
        match &self.instances[instance as usize] {
            CoreInstance::Of { module, args } => {
                args.is_empty() && self.with_own_table.contains(module)
            }
            CoreInstance::Items(_) => false,
        }
    }

    /// Returns the instances whose modules can be one: all but those that want functions which
    /// the component makes with the memory of the others.
    pub(super) fn members(&self) -> BTreeSet<u32> {
        let mut times: HashMap<u32, u32> = HashMap::new();
        for instance in &self.instances {
            if let CoreInstance::Of { module, .. } = instance {
                *times.entry(*module).or_default() += 1;
            }
        }
        let once = |instance: &CoreInstance<'_>| match instance {
            CoreInstance::Of { module, .. } => {
                times[module] == 1 && !self.with_own_table.contains(module)
            }
            CoreInstance::Items(_) => false,
        };
        let all = (0_u32..).zip(&self.instances);
        let mut members: BTreeSet<u32> = all
            .filter(|(_, instance)| once(instance))
            .map(|(index, _)| index)
            .collect();
        loop {
            let late = members.iter().find(|index| self.is_late(**index, &members));
            let Some(late) = late.copied() else {
                return members;
            };
            members.remove(&late);
        }
    }

    /// Tells whether a module can only be instantiated once the members are.
    fn is_late(&self, instance: u32, members: &BTreeSet<u32>) -> bool {
        let CoreInstance::Of { args, .. } = &self.instances[instance as usize] else {
            return true;
        };
        args.values().any(|arg| self.needs(*arg, members))
    }

    fn needs(&self, arg: u32, members: &BTreeSet<u32>) -> bool {
        match self.instances.get(arg as usize) {
            Some(CoreInstance::Of { .. }) => !members.contains(&arg) && !self.is_early(arg),
            Some(CoreInstance::Items(items)) => {
                items.values().any(|item| self.item_needs(*item, members))
            }
            None => true,
        }
    }

    fn item_needs(&self, item: Item, members: &BTreeSet<u32>) -> bool {
        match self.origin(item) {
            Ok(Origin::Export(instance, _)) => {
                !members.contains(&instance) && !self.is_early(instance)
            }
            Ok(Origin::Canonical(index)) => !self.parts(index).is_empty(),
            Err(_) => true,
        }
    }

    /// Returns what the component makes a function of.
    pub(super) fn parts(&self, canonical: u32) -> &[Item] {
        let items = self.items.get(&Kind::Func).map_or(&[][..], |items| items);
        match items.get(canonical as usize) {
            Some(CoreItem::Canonical(parts)) => parts,
            _ => &[],
        }
    }

    /// Returns the instances that somebody beside the members is made of.
    pub(super) fn used_outside(&self, members: &BTreeSet<u32>) -> BTreeSet<u32> {
        let others = (0_u32..)
            .zip(&self.instances)
            .filter(|(index, _)| !members.contains(index));
        let args = others.filter_map(|(_, instance)| match instance {
            CoreInstance::Of { args, .. } => Some(args.values().copied()),
            CoreInstance::Items(_) => None,
        });
        args.flatten().collect()
    }

    /// Returns the items that something beside the members needs.
    pub(super) fn needed(&self, members: &BTreeSet<u32>) -> BTreeSet<Item> {
        let mut needed: BTreeSet<Item> = self.lifted.iter().copied().collect();
        for items in self.items.values() {
            for item in items {
                if let CoreItem::Canonical(parts) = item {
                    needed.extend(parts);
                }
            }
        }
        for instance in self.used_outside(members) {
            if let CoreInstance::Items(items) = &self.instances[instance as usize] {
                needed.extend(items.values());
            }
        }
        needed
    }
}

/// Tells whether a module defines a table and has no memory.
fn has_own_table(module: &[u8]) -> Result<bool, Unlinkable> {
    let (mut has_table, mut has_memory) = (false, false);
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::TableSection(section) => has_table = section.count() > 0,
            Payload::MemorySection(section) => has_memory = section.count() > 0,
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    has_memory |= matches!(import?.ty, TypeRef::Memory(_));
                }
            }
            _ => {}
        }
    }
    Ok(has_table && !has_memory)
}

/// Returns which core items a function of the component is made of.
pub(super) fn uses(function: &CanonicalFunction) -> Result<Vec<Item>, Unlinkable> {
    let (func, options) = match function {
        CanonicalFunction::Lift {
            core_func_index,
            options,
            ..
        } => (Some(*core_func_index), &options[..]),
        CanonicalFunction::Lower { options, .. } => (None, &options[..]),
        CanonicalFunction::ResourceDrop { .. }
        | CanonicalFunction::ResourceNew { .. }
        | CanonicalFunction::ResourceRep { .. } => (None, &[][..]),
        _ => return Err(Unlinkable::Unknown("a newer component model")),
    };
    let mut uses: Vec<Item> = func.map(|func| (Kind::Func, func)).into_iter().collect();
    for option in options {
        match option {
            CanonicalOption::Memory(memory) => uses.push((Kind::Memory, *memory)),
            CanonicalOption::Realloc(func)
            | CanonicalOption::PostReturn(func)
            | CanonicalOption::Callback(func) => uses.push((Kind::Func, *func)),
            CanonicalOption::UTF8
            | CanonicalOption::UTF16
            | CanonicalOption::CompactUTF16
            | CanonicalOption::Async => {}
            _ => return Err(Unlinkable::Unknown("a newer component model")),
        }
    }
    Ok(uses)
}
