CREATE TABLE "served_tenant" (
	"id" text PRIMARY KEY NOT NULL,
	"since" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
INSERT INTO "served_tenant" ("id", "since") SELECT "id", now() FROM "tenant";
--> statement-breakpoint
ALTER TABLE "approval" ADD COLUMN "tenant" text;
--> statement-breakpoint
UPDATE "approval" SET "tenant" = "request"."tenant" FROM "request" WHERE "request"."id" = "approval"."request";
--> statement-breakpoint
ALTER TABLE "approval" ALTER COLUMN "tenant" SET NOT NULL;
