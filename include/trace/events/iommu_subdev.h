/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM iommu_subdev

#if !defined(_TRACE_IOMMU_SUBDEV_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_IOMMU_SUBDEV_H

#include <linux/device.h>
#include <linux/property.h>
#include <linux/tracepoint.h>

DECLARE_EVENT_CLASS(iommu_subdev,
		    TP_PROTO(struct device *parent, struct fwnode_handle *node,
			     u32 stream_id, int group_id, int result),

		    TP_ARGS(parent, node, stream_id, group_id, result),

		    TP_STRUCT__entry(__string(parent,
					      parent ? dev_name(parent) : NULL)
				     __string(node, fwnode_get_name(node) ?: "")
				     __field(u32, stream_id)
				     __field(int, group_id)
				     __field(int, result)
		    ),

		    TP_fast_assign(__assign_str(parent);
				   __assign_str(node);
				   __entry->stream_id = stream_id;
				   __entry->group_id = group_id;
				   __entry->result = result;
		    ),

		    TP_printk("parent=%s stream_id=0x%x group=%d result=%d node=%s",
			      __get_str(parent), __entry->stream_id,
			      __entry->group_id, __entry->result, __get_str(node))
);

/* At the end of a create. The group is -1 if it failed, the ID 0 for a node */
DEFINE_EVENT(iommu_subdev, iommu_subdev_create,
	     TP_PROTO(struct device *parent, struct fwnode_handle *node,
		      u32 stream_id, int group_id, int result),
	     TP_ARGS(parent, node, stream_id, group_id, result)
);

/* At the beginning of a destroy. The result is -EBUSY if the driver left it behind */
DEFINE_EVENT(iommu_subdev, iommu_subdev_destroy,
	     TP_PROTO(struct device *parent, struct fwnode_handle *node,
		      u32 stream_id, int group_id, int result),
	     TP_ARGS(parent, node, stream_id, group_id, result)
);

#endif /* _TRACE_IOMMU_SUBDEV_H */

#include <trace/define_trace.h>
